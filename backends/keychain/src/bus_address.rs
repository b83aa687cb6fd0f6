//! The address of a session bus.

use std::fmt;

/// The D-Bus address of a bus at a Unix socket. Others, which may start programs or cross a network, are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BusAddress(String);

impl BusAddress {
    /// Parses the first address of a list separated by semicolons; `None` if it is not that of a Unix socket.
    pub(crate) fn parse(list: &str) -> Option<Self> {
        let first = list.split(';').next()?;
        let socket = first.strip_prefix("unix:")?.split(',').find(|option| {
            ["path=", "abstract="]
                .iter()
                .any(|key| option.strip_prefix(key).is_some_and(|value| !value.is_empty()))
        })?;
        Some(Self(format!("unix:{socket}")))
    }

    /// The address in the form that D-Bus defines.
    #[cfg(all(unix, not(target_vendor = "apple")))]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_socket_of_an_address_is_kept() {
        for (list, address) in [
            ("unix:path=/run/user/1000/bus", "unix:path=/run/user/1000/bus"),
            ("unix:abstract=/tmp/dbus-x,guid=0f", "unix:abstract=/tmp/dbus-x"),
            ("unix:guid=0f,path=/x;tcp:host=h", "unix:path=/x"),
        ] {
            assert_eq!(BusAddress::parse(list).map(|address| address.to_string()), Some(address.to_owned()));
        }
        for other in ["", "unix:", "unix:path=", "unix:tmpdir=/tmp", "tcp:host=h", "tcp:host=h;unix:path=/x"]
        {
            assert_eq!(BusAddress::parse(other), None, "{other}");
        }
    }
}
