//! A section that would span the accesses of a body, where two cores could wait for each other.

use std::collections::BTreeMap;

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    rules: Vec<u32>,
    names: Vec<String>,
    bytes: [u8; 4],
    ports: BTreeMap<u32, u32>,
    mode: Option<String>,
    total: usize,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self, key: u32) {
        for rule in self.rules.iter() {
            self.total += *rule as usize;
        }
        for (index, name) in self.names.iter().enumerate() {
            self.total += name.len() + index;
        }
        for byte in self.bytes.iter() {
            self.total += usize::from(*byte);
        }
        match self.ports.get_mut(&key) {
            Some(port) => *port += 1,
            None => {
                self.ports.insert(key, 1);
            }
        }
        if let Some("idle") = self.mode.as_deref() {
            self.total = 0;
        }
    }
}

fn main() {}
