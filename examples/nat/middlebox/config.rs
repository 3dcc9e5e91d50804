//! What can be configured, with the values that the RFCs ask for.
//!
//! Invariant: none of it changes while packets flow.

use std::{fmt::Display, net::Ipv4Addr, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error};

use super::ethernet::Mac;

/// The `[middlebox]` table of the configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NatConfig {
    /// The address that the outside sees.
    pub(crate) public: Ipv4Addr,
    /// The Ethernet address that it is at; if none is given, a locally administered one that is made of it.
    #[serde(deserialize_with = "from_text")]
    pub(crate) mac: Option<Mac>,
    /// Whether frames that are neither IPv4 nor ARP, IPv6 for example, pass as they are.
    pub(crate) pass_other: bool,
    /// The first public port (and echo identifier) in use.
    pub(crate) first_port: u16,
    /// The last one.
    pub(crate) last_port: u16,
    /// Which free public port a new flow gets.
    pub(crate) port_allocation: PortAllocation,
    /// Seconds until an idle, established TCP connection is forgotten; RFC 5382 asks for at least 2 hours 4 minutes.
    pub(crate) tcp_established_timeout: u64,
    /// The same while it opens and after it closed; RFC 5382 asks for at least 4 minutes.
    pub(crate) tcp_transitory_timeout: u64,
    /// The same for one that both sides have closed, or one has reset, if it is to differ: few seconds, where so many connections
    /// come and go that ports would run out (3,000 a second need 720,000 ports for 4 minutes, and 18,000 for 6 seconds).
    pub(crate) tcp_closed_timeout: Option<u64>,
    /// The same for UDP; RFC 4787 asks for at least 2 minutes and recommends 5.
    pub(crate) udp_timeout: u64,
    /// The same for ICMP echo; RFC 5508 asks for at least 60 seconds.
    pub(crate) icmp_timeout: u64,
    /// Seconds for which fragments wait for the first one, and what became of that is remembered; at most 4096 packets and a
    /// megabyte of fragments. RFC 1122 asks hosts to put them together for 60 to 120 seconds, but Linux does so for 30.
    pub(crate) fragment_timeout: u64,
    /// In how many ticks all public ports are looked at once for flows that have expired.
    pub(crate) sweep_ticks: u32,
}

/// Which of the free public ports comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PortAllocation {
    /// The one that has been free for the longest time, so that a late packet to its last owner meets nobody new.
    Sequential,
    /// One that nobody outside can foresee (RFC 6056).
    Random,
}

impl Default for NatConfig {
    fn default() -> Self {
        Self {
            public: Ipv4Addr::new(198, 51, 100, 1),
            mac: None,
            pass_other: true,
            first_port: 1024,
            last_port: 65535,
            port_allocation: PortAllocation::Sequential,
            tcp_established_timeout: 2 * 3600 + 4 * 60,
            tcp_transitory_timeout: 4 * 60,
            tcp_closed_timeout: None,
            udp_timeout: 5 * 60,
            icmp_timeout: 60,
            fragment_timeout: 15,
            sweep_ticks: 300,
        }
    }
}

impl NatConfig {
    /// Refuses what no NAT can work with; the message names the setting.
    pub(crate) fn checked(self) -> Result<Self, String> {
        let public = self.public;
        if public.is_unspecified() || public.is_broadcast() || public.is_multicast() || public.is_loopback() {
            return Err(format!("public is {public}, expected an address of one host"));
        }
        if self.sweep_ticks == 0 {
            return Err("sweep_ticks is 0, expected at least 1".into());
        }
        match (self.first_port, self.last_port) {
            (0, _) => Err("first_port is 0, expected at least 1".into()),
            (first, last) if first > last => Err(format!("first_port is {first}, expected at most last_port, {last}")),
            _ => Ok(self),
        }
    }
}

/// A setting that is written as a text.
fn from_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}
