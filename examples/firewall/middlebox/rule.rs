//! Rules: what they say, how they are written, and which one decides.
//!
//! ```text
//! rule   = ("allow" | "deny") ("in" | "out") ("any" | "tcp" | "udp" | "icmp") ["from" end] ["to" end]
//! end    = PREFIX | ["PREFIX"] "port" (PORT | PORT-PORT)
//! ```
//!
//! Invariant: a rule reads back as it is written, so that what `list` shows can be given to `add`.

use std::{fmt, net::Ipv4Addr, num::ParseIntError, ops::RangeInclusive, str::FromStr};

use super::headers::{Endpoint, Head, Protocol};

/// What becomes of a flow.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Allow,
    Deny,
}

/// Which side opens a flow.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From outside to inside.
    In,
    /// From inside to outside.
    Out,
}

/// A part of all addresses and ports.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The network's address; what the length does not cover is 0.
    network: Ipv4Addr,
    /// Bits of it that count, 0 to 32.
    length: u8,
    first: u16,
    last: u16,
}

impl End {
    const ANY: Self = Self { network: Ipv4Addr::UNSPECIFIED, length: 0, first: 0, last: u16::MAX };

    #[inline]
    fn matches(&self, end: Endpoint) -> bool {
        let mask = mask(self.length);
        end.address.to_bits() & mask == self.network.to_bits() && (self.first..=self.last).contains(&end.port)
    }

    fn has_ports(&self) -> bool {
        (self.first, self.last) != (0, u16::MAX)
    }
}

/// The bits that a prefix of this length covers.
fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

/// One rule: to which flows it applies, by their first packet, and what becomes of them.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) action: Action,
    direction: Direction,
    protocol: Option<Protocol>,
    from: End,
    to: End,
}

impl Rule {
    /// Whether it decides about a flow with this first packet.
    #[inline]
    pub(crate) fn applies(&self, direction: Direction, protocol: Protocol, from: Endpoint, to: Endpoint) -> bool {
        self.direction == direction
            && self.protocol.is_none_or(|own| own == protocol)
            && self.from.matches(from)
            && self.to.matches(to)
    }
}

/// The first packet of a flow, as rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) direction: Direction,
    pub(crate) protocol: Protocol,
    pub(crate) from: Endpoint,
    pub(crate) to: Endpoint,
}

impl Opening {
    /// That of a flow which this packet opens.
    pub(crate) fn of(head: &Head, direction: Direction) -> Self {
        Self { direction, protocol: head.protocol, from: head.source, to: head.destination }
    }
}

/// Why a text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RuleError {
    /// A word in the wrong place.
    #[error("expected {expected}, found `{found}`")]
    Word { expected: &'static str, found: String },
    /// The text ends too early.
    #[error("expected {expected}, found the end")]
    End { expected: &'static str },
    /// Not a network.
    #[error("expected a network such as 10.0.0.0/8 or an address, found `{found}`")]
    Network { found: String },
    /// The network has bits that its length does not cover.
    #[error("`{found}` has bits beyond its length; the network is {network}/{length}")]
    HostBits { found: String, network: Ipv4Addr, length: u8 },
    /// Not a port, or not a range of them.
    #[error("expected a port or a range such as 6000-6063, found `{found}`")]
    Port { found: String },
    /// Ports in a rule about something that has none, or need not have any.
    #[error("only tcp and udp have ports, the rule is about {protocol}")]
    Portless { protocol: &'static str },
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let mut words = text.split_ascii_whitespace().peekable();
        let mut word = |expected| words.next().ok_or(RuleError::End { expected });
        let action = match word("allow or deny")? {
            "allow" => Action::Allow,
            "deny" => Action::Deny,
            found => return Err(RuleError::Word { expected: "allow or deny", found: found.into() }),
        };
        let direction = match word("in or out")? {
            "in" => Direction::In,
            "out" => Direction::Out,
            found => return Err(RuleError::Word { expected: "in or out", found: found.into() }),
        };
        let protocol = word("any, tcp, udp or icmp")?;
        let protocol = PROTOCOLS
            .iter()
            .find(|(name, _)| *name == protocol)
            .ok_or_else(|| RuleError::Word { expected: "any, tcp, udp or icmp", found: protocol.into() })?;
        let mut side = |name| -> Result<End, RuleError> {
            match words.next_if_eq(&name) {
                Some(_) => end(&mut words),
                None => Ok(End::ANY),
            }
        };
        let (from, to) = (side("from")?, side("to")?);
        if let Some(found) = words.next() {
            return Err(RuleError::Word { expected: "`from`, `to` or the end", found: found.into() });
        }
        if (from.has_ports() || to.has_ports()) && !matches!(protocol.1, Some(Protocol::Tcp | Protocol::Udp)) {
            return Err(RuleError::Portless { protocol: protocol.0 });
        }
        Ok(Self { action, direction, protocol: protocol.1, from, to })
    }
}

const PROTOCOLS: [(&str, Option<Protocol>); 4] =
    [("any", None), ("tcp", Some(Protocol::Tcp)), ("udp", Some(Protocol::Udp)), ("icmp", Some(Protocol::Echo))];

type Words<'a> = std::iter::Peekable<std::str::SplitAsciiWhitespace<'a>>;

fn end(words: &mut Words<'_>) -> Result<End, RuleError> {
    let mut end = End::ANY;
    let first = words.peek().copied().ok_or(RuleError::End { expected: "a network or `port`" })?;
    if first != "port" {
        words.next();
        (end.network, end.length) = network(first)?;
    }
    if words.next_if_eq(&"port").is_some() {
        let found = words.next().ok_or(RuleError::End { expected: "a port" })?;
        let range = ports(found).ok().filter(|range| !range.is_empty());
        (end.first, end.last) = range.ok_or_else(|| RuleError::Port { found: found.into() })?.into_inner();
    }
    Ok(end)
}

fn network(text: &str) -> Result<(Ipv4Addr, u8), RuleError> {
    let wrong = || RuleError::Network { found: text.into() };
    let (network, length) = text.split_once('/').unwrap_or((text, "32"));
    let network: Ipv4Addr = network.parse().map_err(|_| wrong())?;
    let length: u8 = length.parse().ok().filter(|length| *length <= 32).ok_or_else(wrong)?;
    let covered = Ipv4Addr::from_bits(network.to_bits() & mask(length));
    match covered == network {
        true => Ok((network, length)),
        false => Err(RuleError::HostBits { found: text.into(), network: covered, length }),
    }
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, ParseIntError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok(first.parse()?..=last.parse()?)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.action == Action::Allow { "allow " } else { "deny " })?;
        f.write_str(if self.direction == Direction::In { "in " } else { "out " })?;
        let name = PROTOCOLS.iter().find(|(_, protocol)| *protocol == self.protocol).map_or("any", |(name, _)| name);
        f.write_str(name)?;
        for (word, end) in [("from", self.from), ("to", self.to)] {
            if end == End::ANY {
                continue;
            }
            write!(f, " {word}")?;
            if end.length != 0 {
                write!(f, " {}/{}", end.network, end.length)?;
            }
            match (end.first, end.last) {
                _ if !end.has_ports() => {}
                (first, last) if first == last => write!(f, " port {first}")?,
                (first, last) => write!(f, " port {first}-{last}")?,
            }
        }
        Ok(())
    }
}
