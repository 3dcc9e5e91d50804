//! Statics of every lock and atomic, in containers, lazy or not, with attributes and visibility of their own.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{LazyLock, Mutex, RwLock};

#[ftmb::state]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u32, u16);

/// Documented.
#[ftmb::shared]
pub static SESSIONS: LazyLock<Mutex<HashMap<Key, u32>>> = LazyLock::new(|| Mutex::new(HashMap::new()));

#[ftmb::shared]
static BY_FUNCTION: LazyLock<RwLock<Vec<u8>>> = LazyLock::new(table);

fn table() -> RwLock<Vec<u8>> {
    RwLock::new(vec![1, 2, 3])
}

#[ftmb::shared]
static NAMES: RwLock<Vec<String>> = RwLock::new(Vec::new());

#[ftmb::shared]
static NEXT: AtomicU16 = AtomicU16::new(FIRST);

const FIRST: u16 = 1024;

#[ftmb::shared]
static SHARDS: [Mutex<u32>; 4] = [const { Mutex::new(0) }; 4];

#[ftmb::shared]
static COUNTER: ftmb::sync::Counter = ftmb::sync::Counter::new();

#[cfg(windows)]
#[ftmb::shared]
static ELSEWHERE: AtomicBool = AtomicBool::new(true);

#[ftmb::shared]
#[cfg(unix)]
static HERE: AtomicBool = AtomicBool::new(true);

pub fn packet_code() -> u32 {
    NAMES.write().unwrap().push(String::from("a"));
    let port = NEXT.fetch_add(1, Ordering::Relaxed);
    *SHARDS[1].lock().unwrap() += u32::from(port);
    COUNTER.add(BY_FUNCTION.read().unwrap().len() as u64);
    let mut sessions = SESSIONS.lock().unwrap();
    *sessions.entry(Key(1, 2)).or_default() += u32::from(HERE.load(Ordering::SeqCst));
    sessions.len() as u32
}

fn main() {
    assert_eq!(SESSIONS.name(), "trybuild000::SESSIONS".replace("trybuild000", module_path!()));
}
