//! Where a request may go: to no link-local or metadata address, and over plain `http` to this machine only.
//!
//! A literal address never reaches the [resolver](super::resolver), so the URL itself is checked too. Private ranges
//! are allowed: services on the premises have such addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Metadata services beyond the link-local ranges: AWS over IPv6, and Alibaba Cloud.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

/// Checks that requests may go to the host of `url`. A host name is left to the resolver.
///
/// # Errors
///
/// Why they may not, as a sentence without its subject.
pub(super) fn check_host(url: &Url) -> Result<(), &'static str> {
    match literal(url) {
        Some(ip) if is_forbidden(ip) => Err("is a link-local or metadata address"),
        _ => Ok(()),
    }
}

/// Whether a request to `url` stays on this machine, so that it needs no TLS.
///
/// Counts more hosts than `cofferdam_config::base_url::is_loopback`: the resolver ensures that a name below `localhost`
/// leads to loopback only.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        _ => literal(url).is_some_and(|ip| canonical(ip).is_loopback()),
    }
}

/// Whether two URLs have the same origin: scheme, host and port.
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

/// Whether `name` is `localhost` or below it.
pub(super) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.len() > 10
            && name.get(name.len() - 10..).is_some_and(|end| end.eq_ignore_ascii_case(".localhost"))
}

/// Whether `ip` is link-local, unspecified, multicast or a metadata service, also when embedded in an IPv6 address.
pub(super) fn is_forbidden(ip: IpAddr) -> bool {
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

/// The IPv4 address embedded in a mapped, compatible, NAT64 or 6to4 address. Other addresses are returned unchanged.
pub(super) fn canonical(ip: IpAddr) -> IpAddr {
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
            assert!(check_host(&url(&format!("https://{host}/"))).is_err(), "{host} was accepted");
        }
    }

    #[test]
    fn private_and_loopback_literals_are_accepted() {
        for host in
            ["10.0.0.1", "192.168.1.1", "127.0.0.1", "[::1]", "[fd12::1]", "localhost", "api.example.com"]
        {
            assert_eq!(check_host(&url(&format!("https://{host}/v1"))), Ok(()), "{host}");
        }
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
    fn an_origin_is_scheme_host_and_port() {
        assert!(same_origin(&url("https://a.example/x"), &url("https://A.example:443/y")));
        for other in ["http://a.example", "https://b.example", "https://a.example:444", "https://a.example.b"]
        {
            assert!(!same_origin(&url("https://a.example"), &url(other)), "{other}");
        }
    }
}
