//! The thread of a core has an id and nothing else.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> Option<String> {
        let current = std::thread::current();
        current.name().map(str::to_owned)
    }
}

fn main() {}
