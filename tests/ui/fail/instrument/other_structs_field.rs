//! A plain field is reached by the methods of its own struct only.

#[ftmb::instrument]
mod nat {
    use std::sync::Mutex;

    struct Statistics {
        packets: u64,
        longest: Mutex<usize>,
    }

    pub struct Nat {
        statistics: Statistics,
    }

    impl Nat {
        pub fn process(&self) {
            self.statistics.packets += 1;
            *self.statistics.longest.lock().unwrap() = 3;
        }
    }
}

fn main() {}
