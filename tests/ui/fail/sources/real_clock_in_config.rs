//! A moment of the real clock means nothing in another process.

use std::time::{Duration, Instant, SystemTime};

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    started: Instant,
    #[ftmb(config)]
    installed: SystemTime,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> Duration {
        let _ = self.installed.elapsed();
        self.started.elapsed()
    }
}

fn main() {}
