//! The head of an `if let` holds its guard through the body.

use std::collections::BTreeMap;
use std::sync::{Mutex, RwLock};

#[ftmb::shared]
struct Nat {
    map: Mutex<BTreeMap<u32, u32>>,
    flows: RwLock<BTreeMap<u32, u32>>,
    shards: Vec<Mutex<Vec<u32>>>,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self, key: u32) {
        if let Some(port) = self.map.lock().unwrap().get(&key).copied() {
            self.map.lock().unwrap().insert(port, key);
        }
        if let Ok(mut guard) = self.map.lock()
            && let Some(port) = guard.remove(&key)
        {
            self.map.lock().unwrap().insert(port, key);
        }
    }
}

fn main() {}
