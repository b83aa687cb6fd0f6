//! The resolver of the HTTP clients: a public name leads to no forbidden address.
//!
//! It decides on the very addresses that the client then connects to. A name whose addresses change between two
//! lookups gains nothing.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::destination::{canonical, is_forbidden, is_localhost};

/// A host name all of whose addresses are forbidden.
#[derive(Debug)]
pub(super) struct ForbiddenAddress {
    host: String,
}

impl fmt::Display for ForbiddenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` resolves to a forbidden address: loopback, link-local or metadata", self.host)
    }
}

impl Error for ForbiddenAddress {}

/// The addresses of `host` that are not forbidden. Loopback addresses are allowed for `localhost` only, and `localhost`
/// has no others.
///
/// # Errors
///
/// If there are addresses and all are forbidden.
fn admit(host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ForbiddenAddress> {
    let (any, local) = (!found.is_empty(), is_localhost(host));
    let admitted: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| !is_forbidden(address.ip()) && canonical(address.ip()).is_loopback() == local)
        .collect();
    if any && admitted.is_empty() { Err(ForbiddenAddress { host: host.into() }) } else { Ok(admitted) }
}

type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// A resolver that returns no forbidden address.
pub(super) struct GuardedResolver {
    lookup: fn(String) -> Lookup,
}

impl GuardedResolver {
    /// Resolves names with the operating system.
    pub(super) fn system() -> Self {
        Self {
            lookup: |host| Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) }),
        }
    }

    #[cfg(test)]
    pub(super) fn scripted(lookup: fn(String) -> Lookup) -> Self {
        Self { lookup }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let found = (self.lookup)(host.clone());
        Box::pin(async move { Ok(Box::new(admit(&host, found.await?)?.into_iter()) as Addrs) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_name_reaches_no_loopback_and_localhost_nothing_else() {
        let socket = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        assert!(admit("rebind.example", vec![socket("127.0.0.1"), socket("::1")]).is_err());
        assert!(admit("rebind.example", vec![socket("::ffff:127.0.0.1")]).is_err());
        assert!(admit("rebind.example", vec![socket("169.254.169.254")]).is_err());
        assert_eq!(
            admit("api.example", vec![socket("169.254.1.1"), socket("10.1.2.3")]).unwrap(),
            [socket("10.1.2.3")]
        );
        assert_eq!(admit("localhost", vec![socket("127.0.0.1")]).unwrap(), [socket("127.0.0.1")]);
        assert!(admit("localhost", vec![socket("10.0.0.1")]).is_err());
        assert!(admit("gone.example", vec![]).unwrap().is_empty());
    }
}
