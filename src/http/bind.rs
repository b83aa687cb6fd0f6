//! Which addresses may be listened on, and what to do where one cannot be had.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address that other machines can reach, while callers are not authenticated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} can be reached from other machines, and callers are not authenticated: whoever reaches it uses every \
     account. Listen on 127.0.0.1, or pass --insecure-no-auth where something in front lets only the right ones through"
)]
pub struct NotLoopback {
    address: SocketAddr,
}

/// Whether `address` may be listened on: loopback always, any other only where the operator says so.
///
/// # Errors
///
/// [`NotLoopback`].
pub fn check_bind(address: SocketAddr, insecure_no_auth: bool) -> Result<(), NotLoopback> {
    if insecure_no_auth || address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(NotLoopback { address })
    }
}

/// Where what listens on `address` is called from this machine: "every address" is none that can be called.
pub fn reachable_address(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let v4 = address.is_ipv4();
        address.set_ip(if v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    address
}

/// An address that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {wanted}: {source}; `cofferdam doctor` says who has it, {flag} takes another address, \
     with port 0 a free one"
)]
pub struct BindError {
    pub(super) wanted: SocketAddr,
    pub(super) flag: &'static str,
    pub(super) source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_called_on_loopback() {
        for (listen, call) in [
            ("0.0.0.0:7080", "127.0.0.1:7080"),
            ("[::]:7080", "[::1]:7080"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable_address(listen.parse().unwrap()), call.parse().unwrap());
        }
    }

    #[test]
    fn only_loopback_is_listened_on_unless_the_operator_insists() {
        for loopback in ["127.0.0.1:0", "127.9.9.9:80", "[::1]:7080", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(check_bind(loopback.parse().unwrap(), false), Ok(()), "{loopback}");
        }
        for open in ["0.0.0.0:7080", "[::]:7080", "192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
            let address = open.parse().unwrap();
            let refused = check_bind(address, false).unwrap_err();
            assert!(refused.to_string().contains("--insecure-no-auth"), "{refused}");
            assert_eq!(check_bind(address, true), Ok(()), "{open}");
        }
    }
}
