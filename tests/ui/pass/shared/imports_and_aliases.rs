//! Only the type counts, not how it is spelled.

use std::collections::HashMap as Map;
use std::sync::Mutex as Lock;
use std::sync as s;

type Flows = Map<u32, u16>;
type Shards = Vec<Lock<Flows>>;
type Number = u64;

#[ftmb::shared]
struct Nat {
    shards: Shards,
    plain: s::RwLock<Flows>,
    number: Number,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { shards: vec![Lock::new(Map::new())], plain: s::RwLock::new(Flows::new()), number: 1 }
    }

    fn process(&self) -> u64 {
        self.shards[0].lock().unwrap().insert(1, 2);
        self.plain.write().unwrap().extend([(1, 2)]);
        self.number += self.plain.read().unwrap().len() as u64;
        self.number
    }
}

fn main() {
    assert_eq!(Nat::new().process(), 2);
}
