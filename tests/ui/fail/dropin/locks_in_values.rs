//! The entries of a map are data: each shard is a lock already.

use ftmb::dashmap::DashMap;
use std::sync::{Arc, Mutex};

#[ftmb::shared]
struct Nat {
    flows: DashMap<u32, Mutex<u32>>,
    arcs: DashMap<u32, Arc<parking_lot::Mutex<u32>>>,
    maps: DashMap<u32, DashMap<u32, u32>>,
}

fn main() {}
