//! What the balancer remembers of a connection.
//!
//! Invariant: both directions of a connection have the same key.

use std::hash::{Hash, Hasher};

use super::{
    headers::{Endpoint, Protocol},
    tracking::Track,
};

/// A connection by its client; the other end is the service.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionKey {
    pub(crate) client: Endpoint,
    pub(crate) protocol: Protocol,
}

impl ConnectionKey {
    /// All of it, for hashing.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        (self.client.to_bits() << 8) | self.protocol as u64
    }

    /// One of so many tables.
    #[inline]
    pub(crate) fn shard(&self, shards: usize) -> usize {
        (self.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % shards
    }
}

impl Hash for ConnectionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.to_bits());
    }
}

/// Where a connection goes.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) backend: Endpoint,
    pub(crate) track: Track,
}
