//! What can be configured.
//!
//! Invariant: none of it changes while packets flow; the backends given here are those that the balancer starts with.

use std::net::{Ipv4Addr, SocketAddrV4};

use serde::Deserialize;

use super::tracking::Timeouts;

/// The `[middlebox]` table of the configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BalancerConfig {
    /// What clients connect to, over TCP and UDP.
    pub(crate) service: SocketAddrV4,
    /// The backends to start with.
    pub(crate) backends: Vec<SocketAddrV4>,
    /// Places of the Maglev table: a prime number, and at least a hundred times that of backends.
    pub(crate) table_size: u32,
    /// Connections that are remembered at a time; beyond them no new one is let in.
    pub(crate) max_connections: usize,
    /// Whether frames that are neither IPv4 nor ARP pass, IPv6 say.
    pub(crate) pass_other: bool,
    /// When idle connections are forgotten.
    pub(crate) timeouts: Timeouts,
}

impl Default for BalancerConfig {
    fn default() -> Self {
        Self {
            service: SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 10), 443),
            backends: (1..=4).map(|n| SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, n), 8443)).collect(),
            table_size: 65_537,
            max_connections: 1 << 18,
            pass_other: false,
            timeouts: Timeouts::default(),
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// The table would have places that some backend never gets.
    #[error("table_size is {found}, expected a prime number from 101 to 1000003")]
    TableSize { found: u32 },
    /// More than the table can share out evenly.
    #[error("there are {found} backends, expected at most {most} for this table_size")]
    Backends { most: u32, found: usize },
}

impl BalancerConfig {
    /// Refuses what no Maglev table can be made of.
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        let size = self.table_size;
        if !(101..=1_000_003).contains(&size) || (2..1001).any(|n| n < size && size.is_multiple_of(n)) {
            return Err(ConfigError::TableSize { found: size });
        }
        match self.backends.len() {
            found if found > size as usize / 100 => Err(ConfigError::Backends { most: size / 100, found }),
            _ => Ok(self),
        }
    }
}
