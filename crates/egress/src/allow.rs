//! What an operator allows besides the public internet.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::address::{Network, carried, special};
use crate::config::Wrong;

/// The entries of `allow`, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    networks: Vec<Network>,
    /// In lower case. Their addresses are not judged.
    hosts: BTreeSet<String>,
}

impl Allowed {
    /// Reads entries: networks, addresses, names of hosts.
    ///
    /// # Errors
    ///
    /// The first one that is none of them.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, Wrong> {
        let mut allowed = Self::default();
        for entry in entries {
            allowed.add(entry.as_ref().trim())?;
        }
        Ok(allowed)
    }

    fn add(&mut self, entry: &str) -> Result<(), Wrong> {
        let wrong = || Wrong(entry.to_owned());
        if let Some((address, prefix)) = entry.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
            self.networks
                .push(Network::of(address, prefix).ok_or_else(wrong)?);
        } else if let Ok(address) = entry.parse() {
            self.networks.push(Network::host(address));
        } else if is_name(entry) {
            self.hosts.insert(entry.to_lowercase());
        } else {
            return Err(wrong());
        }
        Ok(())
    }

    /// Whether `host` may be reached at `address`.
    ///
    /// # Errors
    ///
    /// What the address is instead.
    pub fn judge(&self, host: &str, address: IpAddr) -> Result<(), &'static str> {
        if self.hosts.contains(&host.to_lowercase()) || self.holds(address) {
            return Ok(());
        }
        special(address).map_or(Ok(()), Err)
    }

    fn holds(&self, address: IpAddr) -> bool {
        let inner = match address {
            IpAddr::V6(v6) => carried(v6).map(IpAddr::from),
            IpAddr::V4(_) => None,
        };
        let allowed = |address: IpAddr| self.networks.iter().any(|network| network.holds(address));
        allowed(address) || inner.is_some_and(allowed)
    }
}

fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    // All digits and dots would be a number that is no address.
    text.chars().any(|c| c.is_ascii_alphabetic()) && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(allow: &[&str], host: &str, address: &str) -> bool {
        let allowed = Allowed::parse(allow).unwrap();
        allowed.judge(host, address.parse().unwrap()).is_ok()
    }

    #[test]
    fn networks_addresses_and_hosts_can_be_allowed() {
        for (allow, host, address, expected) in [
            (&[][..], "example.org", "93.184.216.34", true),
            (&[], "example.org", "10.1.2.3", false),
            (&["10.1.2.0/24"], "example.org", "10.1.2.3", true),
            (&["10.1.2.0/24"], "example.org", "10.1.3.3", false),
            (&["127.0.0.1"], "localhost", "127.0.0.1", true),
            (&["127.0.0.1"], "localhost", "127.0.0.2", false),
            (&["127.0.0.0/8"], "x", "::ffff:127.9.9.9", true),
            (&["fd00::/8"], "x", "fd12::1", true),
            (&["fd00::/8"], "x", "10.0.0.1", false),
            (&["Hooks.Internal"], "hooks.internal", "10.0.0.1", true),
            (&["hooks.internal"], "other.internal", "10.0.0.1", false),
            (&["0.0.0.0/0"], "x", "169.254.169.254", true),
            (&["0.0.0.0/0"], "x", "::1", false),
        ] {
            assert_eq!(
                reaches(allow, host, address),
                expected,
                "{allow:?} {address}"
            );
        }
    }

    #[test]
    fn an_entry_that_says_nothing_is_refused() {
        for entry in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "1.2.3",
            "a b",
            "http://x",
            "x:80",
            "/8",
        ] {
            assert_eq!(Allowed::parse(&[entry]), Err(Wrong(entry.to_owned())));
        }
    }
}
