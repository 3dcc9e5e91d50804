//! `locks = "parking_lot"`: bare names are parking_lot's, imported as before; std's locks are written in full.

#![deny(warnings)]

mod parking_lot {
    pub struct Mutex<T>(pub T);
    pub struct RwLock<T>(pub T);
    pub struct MutexGuard<'a, T>(pub &'a T);
}

use crate::parking_lot::{Mutex, MutexGuard, RwLock};
use std::collections::HashMap;

#[ftmb::shared(locks = "parking_lot")]
struct Nat {
    flows: RwLock<HashMap<u32, u16>>,
    shards: Vec<Mutex<Vec<u32>>>,
    of_std: std::sync::Mutex<u8>,
}

#[ftmb::middlebox(locks = "parking_lot")]
impl Nat {
    fn new() -> Self {
        Self {
            flows: RwLock::new(HashMap::new()),
            shards: vec![Mutex::new(vec![1]), Mutex::new(vec![2])],
            of_std: std::sync::Mutex::new(3),
        }
    }

    fn first(&self) -> MutexGuard<'_, Vec<u32>> {
        self.shards[0].lock()
    }

    fn use_all(&self) -> usize {
        self.flows.write().entry(1).or_insert(2);
        self.first().push(3);
        self.flows.read().len() + self.first().len() + usize::from(*self.of_std.lock().unwrap())
    }
}

fn main() {
    assert_eq!(Nat::new().use_all(), 6);
    let (_, _, _) = (parking_lot::Mutex(1).0, parking_lot::RwLock(1).0, parking_lot::MutexGuard(&1).0);
}
