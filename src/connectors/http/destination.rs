//! Where a request may go: to no link-local or metadata address, and over plain `http` to this machine only.
//!
//! A literal address never reaches the [resolver](super::resolver), so the URL itself is checked too. Private ranges
//! are allowed: services on the premises have such addresses. What stays on this machine is one rule for settings and
//! requests, [`is_loopback`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) use cofferdam_config::base_url::is_loopback;
use url::{Host, Url};

/// Metadata services beyond the link-local range: Alibaba Cloud, and Azure's host.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];

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
    match ip {
        IpAddr::V4(ip) => is_forbidden_v4(ip),
        IpAddr::V6(ip) => is_forbidden_v6(ip) || embedded(ip).any(is_forbidden_v4),
    }
}

/// Whether `ip` is a loopback address, also when embedded in an IPv6 address.
///
/// For a name that must not lead to this machine. A gateway may translate an embedded address.
pub(super) fn may_be_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback() || embedded(ip).any(|ip| ip.is_loopback()),
    }
}

fn is_forbidden_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_link_local()
        || a == 0
        || ip.is_broadcast()
        || ip.is_multicast()
        // Reserved for protocols (RFC 6890). Oracle Cloud's metadata service is 192.0.0.192.
        || [a, b, c] == [192, 0, 0]
        || METADATA_V4.contains(&ip)
}

fn is_forbidden_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, ..] = ip.segments();
    ip.is_unicast_link_local()
        || ip.is_unspecified()
        || ip.is_multicast()
        // Services of EC2's own: metadata, pod identity, time.
        || [a, b] == [0xfd00, 0xec2]
        // Google Cloud's metadata service.
        || [a, b, c, d] == [0xfd20, 0xce, 0, 0]
        // Teredo: it tunnels to an address that its own bits encode.
        || [a, b] == [0x2001, 0]
}

/// The IPv4 addresses that may be embedded in `ip`: mapped, translated, compatible, ISATAP, 6to4 and NAT64.
fn embedded(ip: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let octets = ip.octets();
    let from = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| octets[place]));
    let found = match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] => vec![from(g, h)], // ::ffff:a.b.c.d, mapped
        [0, 0, 0, 0, 0xffff, 0] => vec![from(g, h)], // ::ffff:0:a.b.c.d, translated
        [0, 0, 0, 0, 0, 0] if g != 0 => vec![from(g, h)], // ::a.b.c.d, compatible (not :: and ::1)
        [_, _, _, _, 0 | 0x200, 0x5efe] => vec![from(g, h)], // ISATAP
        [0x2002, high, low, _, _, _] => vec![from(high, low)], // 2002::/16, 6to4
        [0x64, 0xff9b, 0, 0, 0, 0] => vec![from(g, h)], // 64:ff9b::/96, NAT64
        // 64:ff9b:1::/48, NAT64 of a network's own: its prefix has 48, 56, 64 or 96 bits (RFC 6052). Octet 8 is left out. A
        // place that holds no address begins with zero.
        [0x64, 0xff9b, 1, _, _, _] => [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]]
            .map(at)
            .into_iter()
            .filter(|ip| ip.octets()[0] != 0)
            .collect(),
        _ => Vec::new(),
    };
    found.into_iter()
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
            "168.63.129.16",
            "192.0.0.192",
            "[fd00:ec2::23]",
            "[fd20:ce::254]",
            "[::ffff:168.63.129.16]",
            "[64:ff9b::c000:c0]",
            "[64:ff9b:1:a9fe:a9:fe00::]",
            "[64:ff9b:1:a9:fe:a9fe::]",
            "[64:ff9b:1::a9:fea9:fe00:0]",
            "[2002:a83f:8110::1]",
            "[2001:0:a9fe:a9fe::1]",
            "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
            "[2001:db8::5efe:169.254.169.254]",
            "[2001:db8::200:5efe:a9fe:a9fe]",
        ] {
            assert!(check_host(&url(&format!("https://{host}/"))).is_err(), "{host} was accepted");
        }
    }

    #[test]
    fn private_and_loopback_literals_are_accepted() {
        for host in [
            "10.0.0.1",
            "192.168.1.1",
            "192.0.2.1",
            "127.0.0.1",
            "[::1]",
            "[fd12::1]",
            "[2001:db8::1]",
            "[2001:4860::1]",
            "[64:ff9b:1::10.0.0.1]",
            "[64:ff9b::8.8.8.8]",
            "localhost",
            "api.example.com",
        ] {
            assert_eq!(check_host(&url(&format!("https://{host}/v1"))), Ok(()), "{host}");
        }
    }

    #[test]
    fn only_an_address_of_this_machine_needs_no_tls() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST"] {
            assert!(is_loopback(&url(&format!("http://{host}/"))), "{host}");
        }
        // A relay or a gateway receives what is sent to the embedded forms.
        for host in [
            "10.0.0.1",
            "localhost.example.com",
            "notlocalhost",
            "a.localhost",
            "[2001:db8::1]",
            "[2002:7f00:1::1]",
            "[64:ff9b::127.0.0.1]",
        ] {
            assert!(!is_loopback(&url(&format!("http://{host}/"))), "{host}");
        }
    }

    #[test]
    fn an_embedded_loopback_address_may_be_this_machine() {
        for ip in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1", "::127.0.0.1"]
        {
            assert!(may_be_loopback(ip.parse().unwrap()), "{ip}");
        }
        assert!(!may_be_loopback("::ffff:10.0.0.1".parse().unwrap()));
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
