//! A name that is still being typed: the rest of the block comes out as it was, and names are still found.

#[ftmb::shared]
struct Nat {
    names: Vec<String>,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> usize {
        self.names.
    }

    fn other(&self) -> usize {
        self.names.len()
    }
}

fn main() {}
