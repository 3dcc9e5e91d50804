//! A copy of a tracked variable would have no identity.

#[ftmb::shared]
#[derive(Clone, PartialEq)]
struct Nat {
    generation: u64,
}

fn main() {}
