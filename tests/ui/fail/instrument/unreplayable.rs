//! What cannot be replayed is found in functions, traits and other `impl` blocks as well.

#[ftmb::instrument]
mod nat {
    use std::sync::Mutex;
    use std::thread::{self, sleep as pause};

    pub struct Nat {
        flows: Mutex<Vec<u32>>,
    }

    struct Parser;

    impl Parser {
        fn parse(&self) {
            thread::spawn(|| ());
        }
    }

    trait Slow {
        fn slow(&self) {
            pause(std::time::Duration::from_secs(1));
        }
    }

    fn draw() -> u32 {
        unsafe { *std::ptr::null() }
    }

    impl Nat {
        pub fn reset(&mut self) {
            self.flows.lock().unwrap().clear();
        }
    }
}

fn main() {}
