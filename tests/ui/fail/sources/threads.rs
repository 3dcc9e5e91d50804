//! Threads and tasks other than the cores.

use std::thread;

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) {
        std::thread::spawn(|| ());
        std::thread::scope(|_| ());
        let _ = thread::Builder::new();
        rayon::join(|| (), || ());
        tokio::spawn(());
    }
}

mod rayon {
    pub fn join(_: impl FnOnce(), _: impl FnOnce()) {}
}

mod tokio {
    pub fn spawn<T>(_: T) {}
}

fn main() {}
