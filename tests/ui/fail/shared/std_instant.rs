//! An instant of std means nothing in another process.

use std::time::Instant;

#[ftmb::shared]
struct Nat {
    started: Instant,
}

fn main() {}
