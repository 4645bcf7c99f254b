//! Lists of hosts: names, names below a name, addresses and networks.

use std::collections::HashSet;
use std::net::IpAddr;

use super::host::canonical;

/// Hosts that an operator lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostList {
    exact: HashSet<String>,
    /// `*.example.com`: everything below it.
    below: HashSet<String>,
    networks: Vec<(IpAddr, u8)>,
}

impl HostList {
    /// Reads `example.com`, `*.example.com`, `10.0.0.7` and `10.0.0.0/8`.
    ///
    /// # Errors
    /// What is wrong with an entry.
    pub(crate) fn new(entries: &[String]) -> Result<Self, String> {
        let mut list = Self::default();
        for entry in entries {
            if let Some((address, bits)) = entry.split_once('/') {
                let network = address.parse::<IpAddr>().ok().zip(bits.parse::<u8>().ok());
                let network = network
                    .filter(|(address, bits)| *bits <= if address.is_ipv4() { 32 } else { 128 });
                list.networks.push(
                    network.ok_or_else(|| {
                        format!("`{entry}` is no network; write one as 10.0.0.0/8")
                    })?,
                );
                continue;
            }
            let (name, set) = match entry.strip_prefix("*.") {
                Some(name) => (name, &mut list.below),
                None => (entry.as_str(), &mut list.exact),
            };
            let host = canonical(name).filter(|_| !name.contains(['*', '@', '\\']));
            set.insert(host.ok_or_else(|| {
                format!("`{entry}` is no host; write example.com, *.example.com or 10.0.0.0/8")
            })?);
        }
        Ok(list)
    }

    /// Whether the canonical `host` is listed.
    pub(crate) fn has(&self, host: &str) -> bool {
        if self.exact.contains(host) {
            return true;
        }
        if !self.networks.is_empty()
            && let Ok(address) = host.parse::<IpAddr>()
        {
            return self
                .networks
                .iter()
                .any(|network| within(address, *network));
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if self.below.contains(parent) {
                return true;
            }
            rest = parent;
        }
        false
    }
}

fn within(address: IpAddr, (network, bits): (IpAddr, u8)) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let shift = 32 - u32::from(bits);
            a.to_bits().checked_shr(shift) == n.to_bits().checked_shr(shift)
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let shift = 128 - u32::from(bits);
            a.to_bits().checked_shr(shift) == n.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}
