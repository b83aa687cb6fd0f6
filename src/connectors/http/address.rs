//! Where a request may go: no link-local or metadata address, and no loopback behind a public name.
//!
//! A literal address never reaches the resolver, so the URL is checked as well as what names resolve to. The
//! resolver's check is the one that counts for names: it decides about the very addresses that are connected to,
//! so that a name which changes between two look-ups gains nothing. Private ranges are allowed: services on the
//! premises live there.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Metadata services beyond the link-local ranges: AWS over IPv6, and Alibaba Cloud.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

/// Whether `url` can be the base of a service's requests.
///
/// # Errors
///
/// Why it cannot, as the end of a sentence about it.
pub fn check_base_url(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("has the scheme `{}`; only `https` and `http` are spoken", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password, which belong into a vault".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("holds a `?` or `#`; constants of the query belong into `request`".into());
    }
    match literal(url) {
        Some(ip) if is_refused(ip) => Err(format!("points to {ip}, a link-local or metadata address")),
        _ => Ok(()),
    }
}

/// Whether a credential may travel to `url` without TLS because it never leaves this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        _ => literal(url).is_some_and(|ip| canonical(ip).is_loopback()),
    }
}

/// Whether two addresses are one origin: scheme, host and port.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.len() > 10
            && name.get(name.len() - 10..).is_some_and(|end| end.eq_ignore_ascii_case(".localhost"))
}

/// Link-local, metadata and unspecified addresses, in whatever form IPv6 wraps them.
fn is_refused(ip: IpAddr) -> bool {
    match canonical(ip) {
        IpAddr::V4(ip) => {
            ip.is_link_local()
                || ip.octets()[0] == 0
                || ip.is_broadcast()
                || ip.is_multicast()
                || ip == METADATA_V4
        }
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast() || ip == METADATA_V6
        }
    }
}

/// The IPv4 address inside a mapped, compatible, NAT64 or 6to4 address; every other address itself.
fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] => embedded(g, h), // ::ffff:a.b.c.d, mapped
        [0, 0, 0, 0, 0xffff, 0] => embedded(g, h), // ::ffff:0:a.b.c.d, translated
        [0, 0, 0, 0, 0, 0] if g != 0 => embedded(g, h), // ::a.b.c.d, compatible (not :: and ::1)
        [0x64, 0xff9b, 0, 0, 0, 0] => embedded(g, h), // 64:ff9b::/96, NAT64
        [0x64, 0xff9b, 1, _, _, _] => embedded(g, h), // 64:ff9b:1::/48, NAT64 of a network's own
        [0x2002, high, low, _, _, _] => embedded(high, low), // 2002::/16, 6to4
        _ => ip,
    }
}

/// A name that resolves only to addresses that may not be reached.
#[derive(Debug)]
pub(super) struct RefusedAddress {
    host: String,
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` resolves to a loopback, link-local or metadata address, which is refused", self.host)
    }
}

impl Error for RefusedAddress {}

/// The addresses of `host` that may be reached.
///
/// # Errors
///
/// Where there are addresses, and none may be reached.
fn admit(host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, RefusedAddress> {
    let (any, local) = (!found.is_empty(), is_localhost(host));
    let admitted: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| !is_refused(address.ip()) && canonical(address.ip()).is_loopback() == local)
        .collect();
    if any && admitted.is_empty() { Err(RefusedAddress { host: host.into() }) } else { Ok(admitted) }
}

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// A resolver that answers only with addresses that may be reached.
pub(super) struct GuardedResolver {
    lookup: fn(String) -> Found,
}

impl GuardedResolver {
    /// Asks the operating system.
    pub(super) fn system() -> Self {
        Self {
            lookup: |host| Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) }),
        }
    }

    #[cfg(test)]
    pub(super) fn scripted(lookup: fn(String) -> Found) -> Self {
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

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_refused_in_every_form() {
        for host in [
            "169.254.169.254",
            "169.254.0.1",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "[::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "[::ffff:0:169.254.169.254]",
            "[::169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "[64:ff9b:1::169.254.169.254]",
            "[2002:a9fe:a9fe::1]",
            "[::ffff:0.0.0.0]",
        ] {
            assert!(check_base_url(&url(&format!("https://{host}/"))).is_err(), "{host} was taken");
        }
    }

    #[test]
    fn private_and_loopback_literals_are_taken() {
        for host in
            ["10.0.0.1", "192.168.1.1", "127.0.0.1", "[::1]", "[fd12::1]", "localhost", "api.example.com"]
        {
            assert_eq!(check_base_url(&url(&format!("https://{host}/v1"))), Ok(()), "{host}");
        }
    }

    #[test]
    fn an_address_holds_no_password_query_or_other_scheme() {
        for bad in [
            "ftp://a.example",
            "https://u@a.example",
            "https://u:p@a.example",
            "https://a.example?k=v",
            "https://a.example#x",
        ] {
            assert!(check_base_url(&url(bad)).is_err(), "{bad} was taken");
        }
        let told = check_base_url(&url("https://user:hunter22@a.example")).unwrap_err();
        assert!(!told.contains("hunter22"));
    }

    #[test]
    fn loopback_is_a_literal_or_localhost() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
        ] {
            assert!(is_loopback(&url(&format!("http://{host}/"))), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example.com", "notlocalhost", "[2001:db8::1]"] {
            assert!(!is_loopback(&url(&format!("http://{host}/"))), "{host}");
        }
    }

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

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(same_origin(&url("https://a.example/x"), &url("https://A.example:443/y")));
        for other in ["http://a.example", "https://b.example", "https://a.example:444", "https://a.example.b"]
        {
            assert!(!same_origin(&url("https://a.example"), &url(other)), "{other}");
        }
    }
}
