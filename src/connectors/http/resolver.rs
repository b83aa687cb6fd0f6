//! The resolver of the HTTP clients: a public name leads to no forbidden address.
//!
//! It decides on the very addresses that the client then connects to. A name whose addresses change between two
//! lookups gains nothing.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cofferdam_vault::HostResolver;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::{Instant, timeout_at};

use super::destination::{is_forbidden, is_localhost, may_be_loopback};

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
    let is_admitted = |ip: IpAddr| match local {
        true => ip.to_canonical().is_loopback(),
        false => !is_forbidden(ip) && !may_be_loopback(ip),
    };
    let admitted: Vec<SocketAddr> = found.into_iter().filter(|address| is_admitted(address.ip())).collect();
    if any && admitted.is_empty() { Err(ForbiddenAddress { host: host.into() }) } else { Ok(admitted) }
}

/// How long before a call or its connection times out a look-up is given up, so that the failure says why.
const MARGIN: Duration = Duration::from_millis(20);

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs `exchange`. A look-up that it waits for is given up just before `deadline`.
///
/// Only the resolver knows that a request still waits for an address, and was not sent. After the deadline, it cannot be
/// distinguished from one that was sent and not answered.
pub(super) async fn until<T>(deadline: Instant, exchange: impl Future<Output = T>) -> T {
    DEADLINE.scope(deadline, exchange).await
}

/// A look-up that did not end in time.
#[derive(Debug, thiserror::Error)]
#[error("the name was not resolved in time")]
pub(super) struct SlowLookup;

/// A name that cannot be resolved. The system's reason is in the log.
#[derive(Debug, thiserror::Error)]
#[error("its host name cannot be resolved")]
pub(super) struct UnknownHost;

/// The resolver of one module, which returns no forbidden address. Clones share its threads.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    names: HostResolver,
    limit: Duration,
}

impl GuardedResolver {
    /// A resolver that gives up just before `limit`, after which its connections are given up.
    pub(super) fn new(names: HostResolver, limit: Duration) -> Self {
        Self { names, limit }
    }

    /// How many look-ups may run at once.
    pub(super) fn max(&self) -> usize {
        self.names.max()
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.names.clone();
        let limit = Instant::now() + self.limit;
        let deadline = DEADLINE.try_with(|deadline| limit.min(*deadline)).unwrap_or(limit);
        Box::pin(async move {
            let host = name.as_str();
            let found = timeout_at(deadline.checked_sub(MARGIN).unwrap_or(deadline), names.resolve(host))
                .await
                .map_err(|_elapsed| SlowLookup)?;
            let found = found.map_err(|error| {
                tracing::warn!(host, %error, "a host name cannot be resolved");
                UnknownHost
            })?;
            Ok(Box::new(admit(host, found)?.into_iter()) as Addrs)
        })
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
        assert!(admit("localhost", vec![socket("2002:7f00:1::1")]).is_err());
        assert!(admit("rebind.example", vec![socket("2002:7f00:1::1"), socket("fd00:ec2::23")]).is_err());
        assert!(admit("gone.example", vec![]).unwrap().is_empty());
    }
}
