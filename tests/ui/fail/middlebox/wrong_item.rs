//! The attribute belongs on `impl` blocks.

#[ftmb::middlebox]
fn process() {}

#[ftmb::middlebox]
struct Nat {
    generation: u64,
}

fn main() {}
