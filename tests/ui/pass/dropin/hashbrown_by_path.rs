//! hashbrown's collections written in full, inside locks and bare.

#![deny(warnings)]

use std::sync::{Mutex, RwLock};

#[ftmb::shared]
struct Nat {
    flows: RwLock<hashbrown::HashMap<u32, u16>>,
    seen: Mutex<hashbrown::HashSet<u32>>,
    nested: Mutex<Vec<hashbrown::HashMap<u32, hashbrown::HashSet<u8>>>>,
    plain: hashbrown::HashMap<u32, u32>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self {
            flows: RwLock::new(hashbrown::HashMap::with_capacity(8)),
            seen: Mutex::default(),
            nested: Mutex::new(vec![hashbrown::HashMap::from([(1, hashbrown::HashSet::new())])]),
            plain: hashbrown::HashMap::new(),
        }
    }

    fn use_all(&self) -> usize {
        match self.flows.write().unwrap().entry(1) {
            hashbrown::hash_map::Entry::Occupied(_) => unreachable!(),
            hashbrown::hash_map::Entry::Vacant(entry) => *entry.insert(2) += 1,
        }
        self.seen.lock().unwrap().insert(1);
        self.nested.lock().unwrap()[0].entry(1).or_default().insert(2);
        self.plain.insert(1, 2);
        self.flows.read().unwrap().len() + self.nested.lock().unwrap()[0][&1].len() + self.plain.len()
    }
}

fn main() {
    assert_eq!(Nat::new().use_all(), 3);
}
