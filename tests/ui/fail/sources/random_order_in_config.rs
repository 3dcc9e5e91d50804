//! Looking up keys of std's hash map is fine; going through its entries is not.

use std::collections::{HashMap, HashSet};

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    rules: HashMap<String, u32>,
    #[ftmb(config)]
    blocked: HashSet<u32>,
    total: u32,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) {
        self.total += self.rules.get("all").copied().unwrap_or(0);
        for rule in &self.rules {
            drop(rule);
        }
        self.total += self.rules.values().sum::<u32>();
        let first = self.blocked.iter().next();
        drop(first);
    }
}

fn main() {}
