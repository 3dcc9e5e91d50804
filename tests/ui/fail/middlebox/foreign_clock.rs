//! The type decides which clock it is.

struct Instant;

impl Instant {
    fn now() -> u64 {
        7
    }
}

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) {
        self.generation = Instant::now();
    }
}

fn main() {}
