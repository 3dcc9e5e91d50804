//! The thread of a packet is its core.

#![deny(warnings)]

use std::thread;

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { generation: 0 }
    }

    fn process(&self) -> bool {
        self.generation += 1;
        let id = thread::current().id();
        id == std::thread::current().id() && !format!("{id:?}").is_empty()
    }
}

fn main() {
    assert!(Nat::new().process());
}
