//! The hash function of maps: foldhash, seeded afresh in every process.
//!
//! Invariant: no hash is ever stored or compared across processes; the seed can be seen in nothing but timing.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

/// The hash function of one map: the process's seed, and one of its own.
#[derive(Clone)]
pub(super) struct Seed(SeedableRandomState);

impl Seed {
    pub(super) fn new() -> Self {
        static SHARED: OnceLock<SharedSeed> = OnceLock::new();
        let shared = SHARED.get_or_init(|| SharedSeed::from_u64(random()));
        Self(SeedableRandomState::with_seed(random(), shared))
    }

    #[inline]
    pub(super) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.0.hash_one(key)
    }
}

/// 64 bits that start from the operating system's entropy, as std seeds its own maps.
fn random() -> u64 {
    RandomState::new().hash_one(0u8)
}
