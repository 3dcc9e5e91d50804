//! State beside the shared struct.

use std::cell::Cell;
use std::sync::atomic::AtomicU64;

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> u64 {
        static mut SEEN: u8 = 0;
        static COUNT: AtomicU64 = AtomicU64::new(0);
        static NAMES: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
        static TABLE: [u64; 2] = [1, 2];
        thread_local! {
            static LAST: Cell<u64> = const { Cell::new(0) };
        }
        TABLE[0]
    }
}

fn main() {}
