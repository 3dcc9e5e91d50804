//! Channels: made in packet code, or waited for.

use std::sync::mpsc;

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self, inbox: &mpsc::Receiver<u64>) -> u64 {
        let (sender, receiver) = mpsc::channel::<u64>();
        let _ = std::sync::mpsc::sync_channel::<u64>(1);
        let _ = crossbeam_channel::bounded(1);
        let _ = flume::unbounded();
        drop((sender, receiver));
        while let Ok(late) = inbox.try_recv() {
            drop(late);
        }
        inbox.recv_timeout(std::time::Duration::ZERO).unwrap_or(0) + inbox.recv().unwrap_or(0)
    }
}

mod crossbeam_channel {
    pub fn bounded(_: usize) {}
}

mod flume {
    pub fn unbounded() {}
}

fn main() {}
