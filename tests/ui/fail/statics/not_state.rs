use std::sync::{Mutex, RwLock};

struct Session {
    packets: u64,
}

#[ftmb::shared]
static SESSIONS: RwLock<Vec<Session>> = RwLock::new(Vec::new());

#[ftmb::shared]
static CHANNEL: Mutex<Option<std::sync::mpsc::Sender<u32>>> = Mutex::new(None);

fn main() {}
