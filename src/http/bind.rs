//! The addresses of the server: which ones it may listen on, and why binding one fails.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use cofferdam_config::Shown;

/// The address accepts connections from other machines, although callers are not authenticated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} accepts connections from other machines, and callers are not authenticated: everyone who can connect can \
     use every account. Listen on 127.0.0.1, or pass --insecure-no-auth if something else authenticates callers, for \
     example a proxy"
)]
pub struct NotLoopback {
    address: SocketAddr,
}

impl Shown for NotLoopback {}

/// Checks that the server may listen on `address`: on a loopback address, or on any with `insecure_no_auth`.
///
/// # Errors
///
/// Returns [`NotLoopback`] otherwise.
pub fn check_bind(address: SocketAddr, insecure_no_auth: bool) -> Result<(), NotLoopback> {
    if insecure_no_auth || address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(NotLoopback { address })
    }
}

/// Returns the address at which this machine reaches a server that listens on `address`: an unspecified IP address becomes
/// loopback.
pub fn reachable_address(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let v4 = address.is_ipv4();
        address.set_ip(if v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    address
}

/// The address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {source}. Pass {flag} another address, or port 0 for a free port; `cofferdam doctor` \
     reports what uses this one"
)]
pub struct BindError {
    pub(super) address: SocketAddr,
    /// The flag that changes the address.
    pub(super) flag: &'static str,
    pub(super) source: io::Error,
}

impl Shown for BindError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_address_is_reached_on_loopback() {
        for (listen, reachable) in [
            ("0.0.0.0:7080", "127.0.0.1:7080"),
            ("[::]:7080", "[::1]:7080"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable_address(listen.parse().unwrap()), reachable.parse().unwrap());
        }
    }

    #[test]
    fn only_loopback_is_allowed_without_the_flag() {
        for loopback in ["127.0.0.1:0", "127.9.9.9:80", "[::1]:7080", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(check_bind(loopback.parse().unwrap(), false), Ok(()), "{loopback}");
        }
        for public in ["0.0.0.0:7080", "[::]:7080", "192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
            let address = public.parse().unwrap();
            let error = check_bind(address, false).unwrap_err();
            assert!(error.to_string().contains("--insecure-no-auth"), "{error}");
            assert_eq!(check_bind(address, true), Ok(()), "{public}");
        }
    }
}
