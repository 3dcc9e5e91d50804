//! Locks that are taken twice without meeting: guards that end before, readers beside readers, tries, other locks.

#![deny(warnings)]

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
    fn new() -> Self {
        Self {
            map: Mutex::default(),
            flows: RwLock::default(),
            shards: (0..2).map(|number| Mutex::new(vec![number])).collect(),
        }
    }

    fn process(&self, key: u32) -> usize {
        if let Some(port) = self.map.lock().unwrap().get(&key) {
            return *port as usize;
        } else {
            self.map.lock().unwrap().insert(key, 1);
        }
        let found = self.map.lock().unwrap().remove(&key);
        if let Some(port) = found {
            self.map.lock().unwrap().insert(port, key);
        }
        match { self.map.lock().unwrap().len() } {
            0 => {}
            _ => self.map.lock().unwrap().clear(),
        }
        if let Ok(guard) = self.map.lock() {
            drop(guard);
            self.map.lock().unwrap().insert(3, 4);
        }
        if let Some(_) | None = self.flows.read().unwrap().get(&key) {
            assert_eq!(self.flows.read().unwrap().len(), 0);
        }
        if self.map.lock().unwrap().contains_key(&3) {
            self.map.lock().unwrap().remove(&3);
        }
        while self.map.lock().unwrap().len() < 2 {
            let next = self.map.lock().unwrap().len() as u32;
            self.map.lock().unwrap().insert(next, next);
        }
        for entry in self.shards[0].lock().unwrap().iter() {
            self.shards[1].lock().unwrap().push(*entry);
        }
        let Some(last) = self.shards[1].lock().unwrap().pop() else {
            self.shards[1].lock().unwrap().push(1);
            return 0;
        };
        self.map.lock().unwrap().len() + last as usize + self.shards[1].lock().unwrap().len()
    }
}

fn main() {
    assert_eq!(Nat::new().process(7), 3);
}
