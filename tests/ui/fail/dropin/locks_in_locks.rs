//! A lock inside a lock, whichever crate's.

use std::sync::{Arc, Mutex, RwLock};

#[ftmb::shared]
struct Nat {
    std: Mutex<RwLock<u32>>,
    mixed: parking_lot::Mutex<Vec<Arc<Mutex<u32>>>>,
    map: RwLock<dashmap::DashMap<u32, u32>>,
}

fn main() {}
