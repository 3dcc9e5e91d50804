//! A hasher with a random seed.

use std::hash::{BuildHasher, RandomState};

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> u64 {
        let state = RandomState::new();
        let other: RandomState = std::hash::RandomState::default();
        state.hash_one(self.generation) ^ other.hash_one(1)
    }
}

fn main() {}
