//! A bare name that is not std's.

mod theirs {
    pub struct Mutex<T>(pub T);

    pub struct Instant;
}

#[ftmb::instrument]
mod nat {
    use super::theirs::{Instant, Mutex};

    pub struct Nat {
        flows: Mutex<Vec<u32>>,
        begun: std::sync::Mutex<Begun>,
    }

    struct Begun {
        at: Instant,
    }
}

fn main() {}
