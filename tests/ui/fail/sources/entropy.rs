//! Random numbers that replay would draw differently.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> u8 {
        let draw: u8 = rand::random_range(0..4);
        let _ = fastrand::alphanumeric();
        let _ = fastrand::Rng::new();
        let _ = getrandom::fill(&mut [0; 4]);
        let _ = uuid::Uuid::new_v4();
        draw
    }
}

mod fastrand {
    pub fn alphanumeric() -> char {
        'x'
    }

    pub struct Rng;

    impl Rng {
        pub fn new() -> Self {
            Self
        }
    }
}

mod getrandom {
    pub fn fill(_: &mut [u8]) {}
}

mod uuid {
    pub struct Uuid;

    impl Uuid {
        pub fn new_v4() -> Self {
            Self
        }
    }
}

fn main() {}
