//! The head of a `match` holds its guard through the arms; readers exclude writers.

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
    fn process(&self, key: u32) -> usize {
        match self.flows.read().unwrap().get(&key) {
            Some(port) => drop(*port),
            None => {
                self.flows.write().unwrap().insert(key, 1);
            }
        }
        match self.flows.write() {
            Ok(guard) if self.flows.read().unwrap().is_empty() => guard.len(),
            _ => 0,
        }
    }
}

fn main() {}
