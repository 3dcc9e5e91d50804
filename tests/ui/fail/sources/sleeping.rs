//! A core that stops.

use std::thread;
use std::time::Duration;

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) {
        std::thread::sleep(Duration::from_millis(1));
        thread::park();
        thread::park_timeout(Duration::ZERO);
    }
}

fn main() {}
