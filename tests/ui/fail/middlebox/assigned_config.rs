//! Configuration never changes; locks change through their guards.

use std::sync::Mutex;

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    limits: [u32; 4],
    #[ftmb(config)]
    port: u16,
    free: Mutex<Vec<u16>>,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) {
        self.port = 7;
        self.limits[0] += 1;
        self.free.lock().unwrap().clear();
    }
}

fn main() {}
