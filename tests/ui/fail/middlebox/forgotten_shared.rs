//! The struct lacks its attribute.

struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn generation(&self) -> u64 {
        self.generation
    }
}

fn main() {}
