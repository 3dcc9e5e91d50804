//! Guards live as long as they do without the attribute; references to configuration can be returned.

#![deny(warnings)]

use std::collections::HashMap;
use std::sync::{Mutex, RwLock};

struct Settings {
    name: String,
    limits: Vec<u32>,
}

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    settings: Settings,
    #[ftmb(config)]
    pick: fn(u32) -> u32,
    flows: RwLock<HashMap<u32, String>>,
    shards: Vec<Mutex<Vec<u32>>>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self {
            settings: Settings { name: "nat".into(), limits: vec![1, 2] },
            pick: |number| number + 1,
            flows: RwLock::new(HashMap::new()),
            shards: (0..4).map(|_| Mutex::new(Vec::new())).collect(),
        }
    }

    fn name(&self) -> &str {
        &self.settings.name
    }

    fn limits(&self) -> impl Iterator<Item = &u32> {
        self.settings.limits.iter()
    }

    fn process(&self) -> usize {
        let mut flows = self.flows.write().unwrap();
        flows.insert((self.pick)(0), self.settings.name.clone());
        flows.entry(1).or_default().push('!');
        drop(flows);
        if let Some(found) = self.flows.read().unwrap().get(&1) {
            assert_eq!(found, "nat!");
        }
        let shard = &self.shards[(self.pick)(1) as usize];
        shard.lock().unwrap().push(7);
        self.shards[2].lock().unwrap()[0] += 1;
        *self.shards[2].lock().unwrap().first_mut().unwrap() += 1;
        if let Ok(mut guard) = self.shards[3].try_lock() {
            guard.push(1);
        }
        let lengths = self.shards.iter().map(|shard| shard.lock().unwrap().len()).sum::<usize>();
        match self.flows.read().unwrap().get(&1) {
            Some(name) if name.len() > 3 => lengths,
            _ => 0,
        }
    }
}

fn main() {
    let nat = Nat::new();
    assert_eq!(nat.process(), 2);
    assert_eq!(nat.name().len() + nat.limits().count(), 5);
}
