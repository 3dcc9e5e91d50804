//! An `impl` block without the attribute cannot construct the struct or read its plain fields.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

impl Nat {
    fn new() -> Self {
        Self { generation: 0 }
    }

    fn next(&self) -> u64 {
        self.generation + 1
    }
}

fn main() {}
