//! A section is shared or exclusive from its beginning.

use ftmb::parking_lot::RwLock;

#[ftmb::shared]
struct Nat {
    rules: RwLock<Vec<u32>>,
}

#[ftmb::middlebox]
impl Nat {
    fn add(&self, rule: u32) {
        let rules = self.rules.upgradable_read();
        if !rules.contains(&rule) {
            self.rules.write().push(rule);
        }
    }
}

fn main() {}
