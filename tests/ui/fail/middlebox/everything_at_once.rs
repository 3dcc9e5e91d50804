//! All that is wrong with a block is said at once, and nothing else.

use std::sync::Mutex;

#[ftmb::shared]
struct Nat {
    flows: Mutex<Vec<u64>>,
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn bump(&mut self) {
        self.generation += 1;
    }

    fn process(&self) -> u64 {
        std::thread::sleep(std::time::Duration::from_millis(1));
        let address = &self as *const _ as usize;
        let first = unsafe { std::mem::zeroed::<u64>() };
        if let Some(last) = self.flows.lock().unwrap().pop() {
            self.flows.lock().unwrap().push(last);
        }
        first + address as u64 + std::env::args().count() as u64
    }
}

fn main() {}
