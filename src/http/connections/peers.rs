//! The remote machine that a connection counts for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// The prefix of IPv6 addresses that one machine can use.
const IPV6_PREFIX_BITS: u32 = 64;

/// A remote machine: an IPv4 address, or an IPv6 network of 64 bits, of which a machine can use every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(network) => write!(f, "{network}/{IPV6_PREFIX_BITS}"),
        }
    }
}

/// Identifies remote machines, except those behind which there are many.
#[derive(Debug)]
pub(super) struct Peers {
    trusted_proxies: Vec<IpNet>,
}

impl Peers {
    /// Exempts loopback and `trusted_proxies`.
    pub(super) fn new(trusted_proxies: &[IpNet]) -> Self {
        Self { trusted_proxies: trusted_proxies.to_vec() }
    }

    /// Returns the machine with this address. `None` if connections from there are not counted by machine: everyone
    /// behind loopback or a proxy has the same address.
    pub(super) fn find(&self, address: IpAddr) -> Option<Peer> {
        let address = address.to_canonical();
        let exempt =
            address.is_loopback() || self.trusted_proxies.iter().any(|proxies| proxies.contains(&address));
        if exempt {
            return None;
        }
        Some(Peer(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let host_bits = Ipv6Addr::BITS - IPV6_PREFIX_BITS;
                Ipv6Addr::from_bits(address.to_bits() >> host_bits << host_bits).into()
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(peers: &Peers, address: &str) -> Option<String> {
        peers.find(address.parse().unwrap()).map(|peer| peer.to_string())
    }

    #[test]
    fn an_ipv4_address_is_a_machine_and_an_ipv6_network_is_another() {
        let peers = Peers::new(&[]);
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
            ("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
            ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ] {
            assert_eq!(name(&peers, address).as_deref(), Some(expected), "{address}");
        }
    }

    #[test]
    fn loopback_and_trusted_proxies_are_not_counted() {
        let peers = Peers::new(&["10.0.0.0/8".parse().unwrap(), "2001:db8:9::/48".parse().unwrap()]);
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "10.1.2.3",
            "::ffff:10.1.2.3",
            "2001:db8:9:1::7",
        ] {
            assert_eq!(name(&peers, address), None, "{address}");
        }
        for address in ["11.0.0.1", "192.168.0.1", "2001:db8:a::1"] {
            assert!(name(&peers, address).is_some(), "{address}");
        }
    }
}
