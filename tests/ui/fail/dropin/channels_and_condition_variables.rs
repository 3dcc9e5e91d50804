//! What std has and replay has not, as fields.

use std::sync::{Barrier, Condvar, Mutex, OnceLock, mpsc};

#[ftmb::shared]
struct Nat {
    queue: Mutex<mpsc::Receiver<u32>>,
    other: Vec<std::sync::mpsc::Sender<u32>>,
    ready: Condvar,
    all: Barrier,
    first: OnceLock<u32>,
}

fn main() {}
