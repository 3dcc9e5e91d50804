//! ftmb's maps bring their own hash function: another one could order entries by a seed that is not restored.

use std::hash::RandomState;

#[ftmb::shared]
struct Nat {
    flows: dashmap::DashMap<u32, u32, RandomState>,
    names: std::sync::Mutex<hashbrown::HashMap<u32, u32, RandomState>>,
}

fn main() {}
