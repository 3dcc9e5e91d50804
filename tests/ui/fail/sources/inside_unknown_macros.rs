//! Where a source of non-determinism cannot be replaced.

macro_rules! twice {
    ($value:expr) => {
        u64::from($value) + 1
    };
}

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> u64 {
        twice!(std::process::id()) + twice!(fastrand::u64(..)) + twice!(rand::random::<u64>())
    }
}

mod fastrand {
    pub fn u64(_: std::ops::RangeFull) -> u64 {
        0
    }
}

fn main() {}
