//! The message names the field and points at the type inside it.

use std::collections::HashMap;
use std::sync::{Mutex, RwLock};

struct Entry {
    port: u16,
}

#[ftmb::shared]
struct Nat {
    flows: RwLock<HashMap<u32, Entry>>,
    shards: Vec<Mutex<Entry>>,
    current: Entry,
    #[ftmb(per_core)]
    cache: Option<Entry>,
}

fn main() {}
