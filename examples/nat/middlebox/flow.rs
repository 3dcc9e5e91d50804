//! What the NAT remembers of a flow: its two endpoints, its public port, and what each direction has shown.
//!
//! Invariant: everything here is plain data (`#[ftmb::state]`), so it can be saved, shipped and restored.

use std::{
    hash::{Hash, Hasher},
    net::Ipv4Addr,
    time::Duration,
};

use ftmb::time::Instant;

use super::config::NatConfig;

/// The protocols that are translated; the discriminant is the index of the protocol's port pool.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    /// ICMP echo; its identifier takes the place of the port of the side that asks, the other side's port is 0.
    Echo,
}

impl Protocol {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Echo];
}

/// An address and a port (or echo identifier).
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
}

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
        let pack = |e: Endpoint| (u64::from(e.address.to_bits()) << 16) | u64::from(e.port);
        state.write_u64(pack(self.inside));
        state.write_u64((pack(self.remote) << 8) | self.protocol as u64);
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
    /// TCP: a SYN was seen.
    pub(crate) const SYN: u8 = 1;
    /// TCP: a FIN was seen.
    pub(crate) const FIN: u8 = 2;
    /// TCP: a reset was seen.
    pub(crate) const RST: u8 = 4;

    /// `seen` is rounded to this, so that a busy flow takes the exclusive lock once a second and not for every packet.
    const GRAIN: Duration = Duration::from_secs(1);

    /// A direction that showed a packet with `flags` at `now`.
    pub(crate) fn new(now: Instant, flags: u8) -> Self {
        Self { seen: now, flags }
    }

    /// Whether a packet with `flags` at `now` says anything that is not yet known.
    #[inline]
    pub(crate) fn is_news(&self, now: Instant, flags: u8) -> bool {
        flags & !self.flags != 0 || now.duration_since(self.seen) >= Self::GRAIN
    }

    /// Takes note of a packet.
    pub(crate) fn note(&mut self, now: Instant, flags: u8) {
        self.seen = now;
        self.flags |= flags;
    }
}

/// The half of a flow that inside hosts drive.
#[ftmb::state]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outbound {
    pub(crate) public: u16,
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
    pub(crate) half: Half,
}

/// Whether a TCP connection with these halves is over: reset by one side, or closed by both.
pub(crate) fn is_over(out: &Half, back: &Half) -> bool {
    (out.flags | back.flags) & Half::RST != 0 || out.flags & back.flags & Half::FIN != 0
}

/// Whether a flow has been idle for longer than its state allows (RFC 5382 for TCP, RFC 4787 for UDP, RFC 5508 for
/// ICMP).
pub(crate) fn is_expired(config: &NatConfig, protocol: Protocol, out: &Half, back: &Half, now: Instant) -> bool {
    let seconds = match protocol {
        Protocol::Udp => config.udp_timeout,
        Protocol::Echo => config.icmp_timeout,
        Protocol::Tcp if out.flags & back.flags & Half::SYN != 0 && !is_over(out, back) => {
            config.tcp_established_timeout
        }
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
        const OPEN: u8 = Half::SYN;
        const CLOSED: u8 = Half::SYN | Half::FIN;
        assert_eq!(life(Protocol::Tcp, OPEN, 0), 241);
        assert_eq!(life(Protocol::Tcp, OPEN, OPEN), 7441);
        assert_eq!(life(Protocol::Tcp, CLOSED, OPEN), 7441);
        assert_eq!(life(Protocol::Tcp, CLOSED, CLOSED), 241);
        assert_eq!(life(Protocol::Tcp, OPEN, OPEN | Half::RST), 241);
        assert_eq!(life(Protocol::Udp, 0, 0), 301);
        assert_eq!(life(Protocol::Echo, 0, 0), 61);
    }

    #[test]
    fn a_busy_flow_is_news_once_a_second_and_whenever_its_state_changes() {
        let mut half = Half::new(at(5), Half::SYN);
        assert!(!half.is_news(at(5), 0) && !half.is_news(at(5), Half::SYN));
        assert!(half.is_news(at(6), 0) && half.is_news(at(5), Half::FIN));
        half.note(at(6), Half::FIN);
        assert!(!half.is_news(at(6), Half::FIN));
    }
}
