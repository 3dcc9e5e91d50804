//! An option that nobody knows is not ignored.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    #[ftmb(allow(threads))]
    fn process(&self) {
        #[ftmb(skip)]
        let _ = self.generation;
    }
}

fn main() {}
