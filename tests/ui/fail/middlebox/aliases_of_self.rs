//! What the rewriter cannot see is a type error.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn through_an_alias(&self) -> u64 {
        let this = self;
        this.generation + 1
    }

    fn through_a_pattern(&self) -> u64 {
        let Self { generation } = self;
        *generation
    }

    fn formatted(&self) -> String {
        let this = self;
        format!("{}", this.generation)
    }
}

fn main() {}
