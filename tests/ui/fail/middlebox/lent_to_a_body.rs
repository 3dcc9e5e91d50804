//! A section that would span the accesses of a body, where two cores could wait for each other, and no copy will do.

use std::collections::BTreeMap;

#[ftmb::state]
struct Name(String);

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    rules: Vec<u32>,
    names: Vec<Name>,
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
            self.total += name.0.len() + index;
        }
        for byte in self.bytes.iter_mut() {
            *byte = self.total as u8;
        }
        for byte in &mut self.bytes {
            *byte = self.total as u8;
        }
        match self.ports.get_mut(&key) {
            Some(port) => *port += 1,
            None => {
                self.ports.insert(key, 1);
            }
        }
        if let Some(ref mut mode) = self.mode {
            mode.push_str(&self.total.to_string());
        }
    }
}

fn main() {}
