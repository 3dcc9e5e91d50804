//! Clocks and random numbers are replaced where they are written, in nested functions and macros too.

#![deny(warnings)]

use rand::RngExt;
use std::time::{self, Duration, Instant, SystemTime};

#[ftmb::shared]
struct Nat {
    last: ftmb::time::Instant,
    wall: ftmb::time::SystemTime,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { last: Instant::now(), wall: SystemTime::now() }
    }

    fn process(&self) -> u64 {
        fn now() -> ftmb::time::Instant {
            std::time::Instant::now()
        }
        let elapsed: Duration = self.last.elapsed();
        self.last = now();
        self.last = time::Instant::now();
        let times = vec![Instant::now(), self.last];
        assert!(times[0] >= self.last, "{:?}", Instant::now());
        let lazily: ftmb::time::Instant = None.unwrap_or_else(Instant::now);
        let _ = lazily;
        self.wall = SystemTime::now();
        let draw: u16 = rand::random();
        let _ = (draw, rand::random::<f64>(), rand::rng().random_range(0..10));
        elapsed.as_secs()
    }
}

fn main() {
    assert!(Nat::new().process() < 10);
}
