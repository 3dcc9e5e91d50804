//! A method that wants the state for itself.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn bump(&mut self) {
        self.generation += 1;
    }

    fn consume(mut self) -> u64 {
        self.generation
    }

    fn boxed(self: &mut Box<Self>) {}
}

fn main() {}
