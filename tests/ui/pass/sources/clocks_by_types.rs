//! Clocks are replaced however their type and functions are named, and compared with std's epoch.

#![deny(warnings)]

use std::time::{self as clock, Duration, Instant, SystemTime, UNIX_EPOCH};

#[ftmb::shared]
struct Nat {
    opened: ftmb::time::Instant,
    wall: ftmb::time::SystemTime,
}

mod other {
    pub const UNIX_EPOCH: u64 = 3;
}

#[ftmb::middlebox]
impl Nat {
    const EPOCH: SystemTime = UNIX_EPOCH;

    fn new() -> Self {
        Self { opened: <Instant>::now(), wall: UNIX_EPOCH }
    }

    fn process(&self) -> (u64, Duration) {
        const OTHER: SystemTime = UNIX_EPOCH;
        assert_eq!(Self::EPOCH, OTHER);
        let elapsed: Option<Duration> = Some(&self.opened).map(Instant::elapsed);
        self.opened = <clock::Instant>::now();
        self.wall = <SystemTime>::now();
        assert_eq!(<SystemTime>::now().duration_since(SystemTime::UNIX_EPOCH), self.wall.duration_since(UNIX_EPOCH));
        let wall = UNIX_EPOCH.elapsed().unwrap() + SystemTime::elapsed(&clock::UNIX_EPOCH).unwrap();
        assert_eq!(elapsed, Some(Duration::ZERO));
        (other::UNIX_EPOCH, wall)
    }
}

fn main() {
    // Outside of any packet all clocks stand still: a real one would not.
    let nat = Nat::new();
    assert_eq!(nat.process(), (3, nat.process().1));
}
