//! Which session bus a vault uses.

use cofferdam_vault::VaultError;

use super::failure;
use crate::bus_address::BusAddress;

/// The address of the session bus, and what names it.
#[derive(Debug)]
pub(crate) struct BusLocation {
    /// `None` if the variable holds an address that is not that of a Unix socket.
    address: Option<BusAddress>,
    /// What of the environment names it; `None` if the profile does.
    source: Option<String>,
}

impl BusLocation {
    /// The bus at `configured`, or that of the environment.
    pub(crate) fn find(configured: Option<&str>) -> Self {
        Self::find_in(configured, |name| std::env::var(name).ok())
    }

    fn find_in(configured: Option<&str>, environment: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| environment(name).filter(|value| !value.is_empty());
        if let Some(address) = configured {
            return Self { address: BusAddress::parse(address), source: None };
        }
        if let Some(address) = variable("DBUS_SESSION_BUS_ADDRESS") {
            let source = "DBUS_SESSION_BUS_ADDRESS of the environment".to_owned();
            return Self { address: BusAddress::parse(&address), source: Some(source) };
        }
        // Where systemd puts the bus of a user. A host of MCP servers may start them without either variable.
        let (folder, source) = match variable("XDG_RUNTIME_DIR") {
            Some(folder) => (folder, "XDG_RUNTIME_DIR of the environment".to_owned()),
            None => {
                let folder = format!("/run/user/{}", rustix::process::geteuid().as_raw());
                (folder.clone(), format!("the folder {folder}"))
            }
        };
        Self { address: BusAddress::parse(&format!("unix:path={folder}/bus")), source: Some(source) }
    }

    /// The address.
    ///
    /// # Errors
    ///
    /// `Misconfigured` (vault) if it is not that of a Unix socket.
    pub(crate) fn address(&self) -> Result<&BusAddress, VaultError> {
        self.address.as_ref().ok_or_else(failure::not_a_socket)
    }

    /// What of the environment names it; `None` if the profile does.
    pub(crate) fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(configured: Option<&str>, variables: &[(&str, &str)]) -> (Option<String>, Option<String>) {
        let of = |name: &str| Some(variables.iter().find(|(found, _)| *found == name)?.1.to_owned());
        let location = BusLocation::find_in(configured, of);
        (location.address().ok().map(ToString::to_string), location.source().map(str::to_owned))
    }

    #[test]
    fn the_profile_comes_before_the_environment() {
        let bus = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/b");
        let folder = ("XDG_RUNTIME_DIR", "/r");
        let found = |address: &str, source: &str| (Some(address.to_owned()), Some(source.to_owned()));
        let all = [bus, folder];
        assert_eq!(find(Some("unix:path=/a"), &all), (Some("unix:path=/a".to_owned()), None));
        assert_eq!(find(None, &all), found("unix:path=/b", "DBUS_SESSION_BUS_ADDRESS of the environment"));
        let runtime = found("unix:path=/r/bus", "XDG_RUNTIME_DIR of the environment");
        assert_eq!(find(None, &[folder]), runtime);
        assert_eq!(find(None, &[(bus.0, ""), folder]), runtime);
        let user = format!("/run/user/{}", rustix::process::geteuid().as_raw());
        let standard = found(&format!("unix:path={user}/bus"), &format!("the folder {user}"));
        assert_eq!(find(None, &[]), standard);
    }

    #[test]
    fn an_address_that_is_not_a_socket_is_not_used() {
        assert_eq!(
            find(None, &[("DBUS_SESSION_BUS_ADDRESS", "autolaunch:"), ("XDG_RUNTIME_DIR", "/r")]).0,
            None
        );
    }
}
