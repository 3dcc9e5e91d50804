//! A body that does not parse comes out as it went in, with one error.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> u64 {
        self.generation +
    }
}

fn main() {}
