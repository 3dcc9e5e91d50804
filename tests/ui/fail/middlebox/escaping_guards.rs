//! A section ends with its packet.

use ftmb::sync::MutexGuard;
use std::sync::Mutex;

#[ftmb::shared]
struct Nat {
    flows: Mutex<Vec<u32>>,
}

#[ftmb::middlebox]
impl Nat {
    pub fn flows(&self) -> MutexGuard<'_, Vec<u32>> {
        self.flows.lock().unwrap()
    }

    fn process(&self) {
        std::mem::forget(self.flows.lock().unwrap());
        let _ = std::mem::ManuallyDrop::new(self.flows.lock().unwrap());
    }
}

fn main() {}
