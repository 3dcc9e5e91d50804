//! The heads of `while let` and `for` hold their guards through each turn.

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
    fn process(&self) {
        while let Some(last) = self.shards[0].lock().unwrap().pop() {
            self.shards[1].lock().unwrap().push(last);
            self.shards[0].lock().unwrap().push(last);
        }
        for port in self.map.lock().unwrap().values() {
            self.map.lock().unwrap().remove(port);
        }
    }
}

fn main() {}
