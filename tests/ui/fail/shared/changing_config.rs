//! Configuration never changes; a lock does.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    limits: Mutex<Vec<u32>>,
    #[ftmb(config)]
    hits: AtomicU64,
}

fn main() {}
