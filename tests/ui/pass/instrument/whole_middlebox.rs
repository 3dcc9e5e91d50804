//! A module with everything in it: nested shared structs, traits, generics, `cfg`, configuration, what is skipped, tests.

#![deny(warnings)]

#[ftmb::instrument]
pub mod nat {
    use std::fmt;
    use std::sync::{Arc, Mutex, RwLock};

    use ftmb::prelude::*;

    /// Parsed from a file: left alone, since it is configuration.
    #[derive(Clone, Debug)]
    pub struct Settings {
        pub limit: usize,
        pub callback: fn(u32) -> u32,
    }

    /// Not held by shared state: left alone.
    pub struct Header<'a> {
        bytes: &'a [u8],
    }

    impl<'a> Header<'a> {
        fn of(packet: &'a Packet<'_>) -> Header<'a> {
            Header { bytes: packet.bytes() }
        }

        fn first(&self) -> u8 {
            self.bytes[0]
        }
    }

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Mode {
        Idle,
        Busy { since: u64 },
    }

    #[derive(Default, Debug)]
    struct Pool<T>
    where
        T: ftmb::State,
    {
        free: Mutex<Vec<T>>,
    }

    impl<T: ftmb::State + Copy> Pool<T> {
        fn take(&self) -> Option<T> {
            self.free.lock().unwrap().pop()
        }
    }

    pub struct Nat {
        #[ftmb(config)]
        settings: Settings,
        pool: Pool<u16>,
        shared: Arc<RwLock<Vec<Mode>>>,
        mode: Mode,
        packets: u64,
        #[cfg(unix)]
        unix: bool,
        #[cfg(windows)]
        windows: Mutex<std::fs::File>,
    }

    impl Nat {
        pub fn new(settings: Settings) -> Self {
            let pool = Pool { free: Mutex::new((0..9).collect()) };
            Self {
                settings,
                pool,
                shared: Arc::new(RwLock::new(vec![Mode::Idle])),
                mode: Mode::Idle,
                packets: 0,
                #[cfg(unix)]
                unix: true,
                #[cfg(windows)]
                windows: unreachable!(),
            }
        }
    }

    impl fmt::Debug for Nat {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "Nat")
        }
    }

    impl Middlebox for Nat {
        fn process(&self, packet: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict {
            self.packets += 1;
            if matches!(self.mode, Mode::Idle) {
                self.mode = Mode::Busy { since: self.packets };
            }
            self.shared.write().unwrap().push(self.mode);
            let first = (self.settings.callback)(u32::from(Header::of(packet).first()));
            match self.pool.take() {
                Some(_) if self.shared.read().unwrap().len() < self.settings.limit && first > 0 => {
                    Verdict::Forward(PortId(1))
                }
                _ => Verdict::Drop,
            }
        }
    }

    /// Statistics of this process, on purpose.
    #[ftmb(skip)]
    pub static CALLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

    #[ftmb(skip)]
    pub fn started() -> std::time::Instant {
        CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::time::Instant::now()
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn sleeps() {
            std::thread::sleep(std::time::Duration::ZERO);
        }
    }
}

fn main() {
    use ftmb::prelude::*;
    let settings = || nat::Settings { limit: 100, callback: |first| first };
    let mut group = ftmb::testing::Group::new(1, move || nat::Nat::new(settings())).unwrap();
    for _ in 0..12 {
        group.send(PortId(0), &[1; 60]);
    }
    group.settle().unwrap();
    assert_eq!(group.released(PortId(1)).count(), 9);
    assert!(nat::started().elapsed().as_nanos() > 0);
    assert_eq!(nat::CALLS.load(std::sync::atomic::Ordering::Relaxed), 1);
}
