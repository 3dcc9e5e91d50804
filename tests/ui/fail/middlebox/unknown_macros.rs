//! Inside a macro that ftmb cannot read, an access would be a gap.

macro_rules! twice {
    ($value:expr) => {
        $value + $value
    };
}

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn helper(&self) -> u64 {
        1
    }

    fn process(&self) -> u64 {
        let _ = twice!(std::time::Instant::now().elapsed().as_secs());
        let fine = twice!(self.helper());
        fine + twice!(self.generation)
    }
}

fn main() {}
