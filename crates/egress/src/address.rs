//! Which addresses lead to the public internet, and what the others are.
//!
//! Everything that is not a public address of a host is refused: the registries
//! of special addresses (RFC 6890 and its updates) are the tables below. An IPv6
//! address that carries an IPv4 address is judged by that one as well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: an address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    bits: u128,
    prefix: u32,
    v6: bool,
}

impl Network {
    const fn v4(address: [u8; 4], prefix: u32) -> Self {
        Self {
            bits: u32::from_be_bytes(address) as u128,
            prefix,
            v6: false,
        }
    }

    const fn v6(address: [u16; 8], prefix: u32) -> Self {
        let [a, b, c, d, e, f, g, h] = address;
        Self {
            bits: Ipv6Addr::new(a, b, c, d, e, f, g, h).to_bits(),
            prefix,
            v6: true,
        }
    }

    /// The network of the first `prefix` bits of an address; `None` when it has
    /// fewer.
    pub(crate) fn of(address: IpAddr, prefix: u32) -> Option<Self> {
        let (bits, width) = bits(address);
        (prefix <= width).then_some(Self {
            bits,
            prefix,
            v6: width == 128,
        })
    }

    /// Just this address.
    pub(crate) fn host(address: IpAddr) -> Self {
        let (bits, prefix) = bits(address);
        Self {
            bits,
            prefix,
            v6: prefix == 128,
        }
    }

    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        let (bits, width) = bits(address);
        if self.v6 != (width == 128) {
            return false;
        }
        let ignored = width - self.prefix;
        ignored == width || bits >> ignored == self.bits >> ignored
    }
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (v4.to_bits().into(), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

const METADATA: &str = "the metadata service of a cloud";
const LOOPBACK: &str = "this machine itself";
const PRIVATE: &str = "a private network";
const LINK: &str = "the local link";
const SPECIAL: &str = "not an address of a host on the internet";

/// The more telling row first.
const SPECIAL_NETWORKS: &[(Network, &str)] = &[
    (Network::v4([169, 254, 169, 254], 32), METADATA),
    (Network::v4([169, 254, 170, 2], 32), METADATA),
    (Network::v4([100, 100, 100, 200], 32), METADATA),
    (Network::v4([192, 0, 0, 192], 32), METADATA),
    (Network::v4([168, 63, 129, 16], 32), METADATA),
    (
        Network::v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
        METADATA,
    ),
    (
        Network::v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
        METADATA,
    ),
    (Network::v4([127, 0, 0, 0], 8), LOOPBACK),
    (Network::v4([0, 0, 0, 0], 8), LOOPBACK),
    (Network::v4([10, 0, 0, 0], 8), PRIVATE),
    (Network::v4([172, 16, 0, 0], 12), PRIVATE),
    (Network::v4([192, 168, 0, 0], 16), PRIVATE),
    // Between a provider and its customers.
    (Network::v4([100, 64, 0, 0], 10), PRIVATE),
    (Network::v4([169, 254, 0, 0], 16), LINK),
    (Network::v4([192, 0, 0, 0], 24), SPECIAL),
    (Network::v4([192, 0, 2, 0], 24), SPECIAL),
    (Network::v4([192, 88, 99, 0], 24), SPECIAL),
    (Network::v4([198, 18, 0, 0], 15), SPECIAL),
    (Network::v4([198, 51, 100, 0], 24), SPECIAL),
    (Network::v4([203, 0, 113, 0], 24), SPECIAL),
    // Multicast, then reserved, with the broadcast address.
    (Network::v4([224, 0, 0, 0], 4), SPECIAL),
    (Network::v4([240, 0, 0, 0], 4), SPECIAL),
    (Network::v6([0, 0, 0, 0, 0, 0, 0, 0], 128), LOOPBACK),
    (Network::v6([0, 0, 0, 0, 0, 0, 0, 1], 128), LOOPBACK),
    (Network::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), PRIVATE),
    (Network::v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), PRIVATE),
    (Network::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), LINK),
    // Translation inside one's own network: what it leads to cannot be told.
    (Network::v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), PRIVATE),
    (Network::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), SPECIAL),
    (Network::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), SPECIAL),
    // Teredo, ORCHID, benchmarks and the rest of what the registry gives out to
    // protocols.
    (Network::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), SPECIAL),
    (Network::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), SPECIAL),
    (Network::v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), SPECIAL),
    (Network::v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), SPECIAL),
];

/// What an address is, if it does not lead to a host on the public internet.
pub(crate) fn special(address: IpAddr) -> Option<&'static str> {
    let row = SPECIAL_NETWORKS
        .iter()
        .find(|(network, _)| network.holds(address));
    if let Some((_, what)) = row {
        return Some(what);
    }
    let IpAddr::V6(v6) = address else {
        return None;
    };
    carried(v6).and_then(|inner| special(inner.into()))
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291 §2.5.5),
/// NAT64 (RFC 6052), 6to4 (RFC 3056).
pub(crate) fn carried(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    const NAT64: Network = Network::v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
    const MAPPED: Network = Network::v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96);
    const COMPATIBLE: Network = Network::v6([0, 0, 0, 0, 0, 0, 0, 0], 96);
    const TRANSLATED: Network = Network::v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96);
    const SIX_TO_FOUR: Network = Network::v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
    let last = [NAT64, MAPPED, COMPATIBLE, TRANSLATED];
    if v6.is_loopback() || v6.is_unspecified() {
        return None;
    }
    let bytes = v6.octets();
    let at = if last.iter().any(|network| network.holds(v6.into())) {
        12
    } else if SIX_TO_FOUR.holds(v6.into()) {
        2
    } else {
        return None;
    };
    Some(Ipv4Addr::new(
        bytes[at],
        bytes[at + 1],
        bytes[at + 2],
        bytes[at + 3],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(address: &str) -> Option<&'static str> {
        special(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_the_internet_pass() {
        for address in [
            "8.8.8.8",
            "1.1.1.1",
            "172.15.255.255",
            "172.32.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "169.253.255.255",
            "223.255.255.255",
            "192.0.1.1",
            "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
            "2002:808:808::1",
        ] {
            assert_eq!(what(address), None, "{address}");
        }
    }

    #[test]
    fn every_special_network_is_refused_from_its_first_to_its_last_address() {
        for (address, expected) in [
            ("127.0.0.1", LOOPBACK),
            ("127.255.255.255", LOOPBACK),
            ("0.0.0.0", LOOPBACK),
            ("0.1.2.3", LOOPBACK),
            ("10.0.0.0", PRIVATE),
            ("10.255.255.255", PRIVATE),
            ("172.16.0.1", PRIVATE),
            ("172.31.255.255", PRIVATE),
            ("192.168.0.1", PRIVATE),
            ("100.64.0.1", PRIVATE),
            ("100.127.255.255", PRIVATE),
            ("169.254.0.1", LINK),
            ("169.254.169.254", METADATA),
            ("169.254.170.2", METADATA),
            ("100.100.100.200", METADATA),
            ("168.63.129.16", METADATA),
            ("192.0.0.192", METADATA),
            ("192.0.0.8", SPECIAL),
            ("192.0.2.1", SPECIAL),
            ("198.18.0.1", SPECIAL),
            ("198.19.255.255", SPECIAL),
            ("198.51.100.1", SPECIAL),
            ("203.0.113.255", SPECIAL),
            ("224.0.0.1", SPECIAL),
            ("239.255.255.255", SPECIAL),
            ("240.0.0.1", SPECIAL),
            ("255.255.255.255", SPECIAL),
            ("::", LOOPBACK),
            ("::1", LOOPBACK),
            ("fc00::1", PRIVATE),
            ("fdff:ffff::1", PRIVATE),
            ("fd00:ec2::254", METADATA),
            ("fec0::1", PRIVATE),
            ("fe80::1", LINK),
            ("febf::1", LINK),
            ("64:ff9b:1::1", PRIVATE),
            ("2001:db8::1", SPECIAL),
            ("2001::1", SPECIAL),
            ("ff02::1", SPECIAL),
            ("100::1", SPECIAL),
        ] {
            assert_eq!(what(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_address_is_found() {
        for (address, expected) in [
            ("::ffff:127.0.0.1", LOOPBACK),
            ("::ffff:10.0.0.1", PRIVATE),
            ("::ffff:169.254.169.254", METADATA),
            ("::127.0.0.1", LOOPBACK),
            ("::ffff:0:127.0.0.1", LOOPBACK),
            ("64:ff9b::7f00:1", LOOPBACK),
            ("64:ff9b::a9fe:a9fe", METADATA),
            ("2002:7f00:1::", LOOPBACK),
            ("2002:c0a8:1::", PRIVATE),
        ] {
            assert_eq!(what(address), Some(expected), "{address}");
        }
    }
}
