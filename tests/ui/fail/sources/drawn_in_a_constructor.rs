//! Each process constructs the middlebox anew, and has to come to the same state.

use std::sync::atomic::AtomicU64;

#[ftmb::shared]
static SEED: AtomicU64 = AtomicU64::new(rand::random());

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    key: u64,
    first: u16,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Option<Self> {
        let first = fastrand::u16(1024..);
        Some(Self { key: rand::random(), first })
    }

    fn process(&self) -> u64 {
        self.first = rand::random();
        self.key
    }
}

fn main() {
    let _ = (&SEED, Nat::new().map(|nat| nat.process()));
}
