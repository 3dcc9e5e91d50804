//! What the NAT remembers of a flow: its two endpoints, its public port, and what each direction has shown.
//!
//! Invariant: everything here is plain data (`#[ftmb::state]`), so it can be saved, shipped and restored.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use ftmb::time::Instant;

use super::{
    config::NatConfig,
    ethernet::Mac,
    headers::{Endpoint, FIN, Protocol, RST, SYN},
};

/// A flow as its inside host names it.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowKey {
    pub(crate) inside: Endpoint,
    pub(crate) remote: Endpoint,
    pub(crate) protocol: Protocol,
}

/// One number instead of seven small writes: hashing is a good part of a lookup.
impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.inside.to_bits());
        state.write_u64((self.remote.to_bits() << 8) | self.protocol as u64);
    }
}

/// A flow as the outside sees it. One public port serves one flow, so nothing else is needed to find it.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32((u32::from(self.port) << 8) | self.protocol as u32);
    }
}

/// What one direction of a flow has shown so far.
///
/// The two halves of a flow live in two tables, so that a packet touches the table of its own direction only.
#[ftmb::state]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Half {
    seen: Instant,
    flags: u8,
}

impl Half {
    /// The flags of TCP that change what is known.
    const TELLING: u8 = SYN | FIN | RST;

    /// `seen` is rounded to this, so that a busy flow takes the exclusive lock once a second and not for every packet.
    const GRAIN: Duration = Duration::from_secs(1);

    /// A direction that showed a packet with `flags` at `now`.
    pub(crate) fn new(now: Instant, flags: u8) -> Self {
        Self { seen: now, flags: flags & Self::TELLING }
    }

    /// Whether a packet with `flags` at `now` says anything that is not yet known.
    #[inline]
    pub(crate) fn is_news(&self, now: Instant, flags: u8) -> bool {
        flags & Self::TELLING & !self.flags != 0 || now.duration_since(self.seen) >= Self::GRAIN
    }

    /// Takes note of a packet.
    pub(crate) fn note(&mut self, now: Instant, flags: u8) {
        self.seen = now;
        self.flags |= flags & Self::TELLING;
    }
}

/// The half of a flow that inside hosts drive.
#[ftmb::state]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outbound {
    pub(crate) public: u16,
    /// Who sends its packets: the inside host, or the router it is behind.
    pub(crate) mac: Mac,
    pub(crate) half: Half,
}

impl Outbound {
    /// The flow's key in the table of the other direction.
    pub(crate) fn public_key(&self, protocol: Protocol) -> PublicKey {
        PublicKey { port: self.public, protocol }
    }
}

/// The half of a flow that its remote drives.
#[ftmb::state]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inbound {
    pub(crate) inside: Endpoint,
    pub(crate) remote: Endpoint,
    /// As in [`Outbound`].
    pub(crate) mac: Mac,
    pub(crate) half: Half,
}

/// Whether a TCP connection with these halves is over: reset by one side, or closed by both.
pub(crate) fn is_over(out: &Half, back: &Half) -> bool {
    (out.flags | back.flags) & RST != 0 || out.flags & back.flags & FIN != 0
}

/// Whether a flow has been idle for longer than its state allows (RFC 5382 for TCP, RFC 4787 for UDP, RFC 5508 for
/// ICMP).
pub(crate) fn is_expired(config: &NatConfig, protocol: Protocol, out: &Half, back: &Half, now: Instant) -> bool {
    let seconds = match protocol {
        Protocol::Udp => config.udp_timeout,
        Protocol::Echo => config.icmp_timeout,
        Protocol::Tcp if out.flags & back.flags & SYN != 0 && !is_over(out, back) => config.tcp_established_timeout,
        Protocol::Tcp if is_over(out, back) => config.tcp_closed_timeout.unwrap_or(config.tcp_transitory_timeout),
        Protocol::Tcp => config.tcp_transitory_timeout,
    };
    now.duration_since(out.seen.max(back.seen)) > Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    /// The seconds after which a flow with these flags, last seen by its two sides at 0 and 10, is forgotten.
    fn life(protocol: Protocol, out: u8, back: u8) -> u64 {
        let (out, back) = (Half::new(at(0), out), Half::new(at(10), back));
        (0..).find(|&seconds| is_expired(&NatConfig::default(), protocol, &out, &back, at(10 + seconds))).unwrap()
    }

    #[test]
    fn timeouts_follow_the_state_of_the_connection() {
        const OPEN: u8 = SYN;
        const CLOSED: u8 = SYN | FIN;
        assert_eq!(life(Protocol::Tcp, OPEN, 0), 241);
        assert_eq!(life(Protocol::Tcp, OPEN, OPEN), 7441);
        assert_eq!(life(Protocol::Tcp, CLOSED, OPEN), 7441);
        assert_eq!(life(Protocol::Tcp, CLOSED, CLOSED), 241);
        assert_eq!(life(Protocol::Tcp, OPEN, OPEN | RST), 241);
        assert_eq!(life(Protocol::Udp, 0, 0), 301);
        assert_eq!(life(Protocol::Echo, 0, 0), 61);
    }

    #[test]
    fn a_busy_flow_is_news_once_a_second_and_whenever_its_state_changes() {
        let mut half = Half::new(at(5), SYN);
        assert!(!half.is_news(at(5), 0) && !half.is_news(at(5), SYN));
        assert!(half.is_news(at(6), 0) && half.is_news(at(5), FIN));
        half.note(at(6), FIN);
        assert!(!half.is_news(at(6), FIN));
    }
}
