//! What the firewall remembers of a flow.
//!
//! Invariant: both directions of a flow have the same key.

use std::hash::{Hash, Hasher};

use ftmb::time::Instant;

use super::{
    headers::{Endpoint, Head, Protocol},
    rule::{Direction, Opening},
    tracking::{Party, Track},
};

/// A flow by its two ends.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowKey {
    pub(crate) inside: Endpoint,
    pub(crate) outside: Endpoint,
    pub(crate) protocol: Protocol,
}

/// Few and large writes: hashing is a good part of a lookup.
impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.inside.to_bits());
        state.write_u64((self.outside.to_bits() << 8) | self.protocol as u64);
    }
}

impl FlowKey {
    /// That of a packet which travels in this direction.
    #[inline]
    pub(crate) fn of(head: &Head, direction: Direction) -> Self {
        let (inside, outside) = match direction {
            Direction::Out => (head.source, head.destination),
            Direction::In => (head.destination, head.source),
        };
        Self { inside, outside, protocol: head.protocol }
    }

    /// One of so many tables.
    #[inline]
    pub(crate) fn shard(&self, shards: usize) -> usize {
        let mixed =
            (self.inside.to_bits() ^ self.outside.to_bits().rotate_left(24)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize % shards
    }
}

/// A flow that was allowed to begin.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// The direction of its first packet.
    opened: Direction,
    track: Track,
}

impl Flow {
    /// A flow that begins with a packet in this direction.
    pub(crate) fn open(protocol: Protocol, direction: Direction, now: Instant) -> Self {
        Self { opened: direction, track: Track::open(protocol, now) }
    }

    /// What is remembered after this packet; `None`: it is not one that may come now.
    #[inline]
    pub(crate) fn after(&self, head: &Head, direction: Direction, now: Instant) -> Option<Self> {
        let from = if direction == self.opened { Party::Opener } else { Party::Peer };
        Some(Self { track: self.track.after(from, head, now)?, ..*self })
    }

    /// What has become of it.
    pub(crate) fn track(&self) -> &Track {
        &self.track
    }

    /// Its first packet, as rules see it.
    pub(crate) fn opening(&self, key: &FlowKey) -> Opening {
        let (from, to) = match self.opened {
            Direction::Out => (key.inside, key.outside),
            Direction::In => (key.outside, key.inside),
        };
        Opening { direction: self.opened, protocol: key.protocol, from, to }
    }
}
