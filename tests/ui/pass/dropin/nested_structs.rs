//! A shared struct within another, also in containers; locks in every wrapper.

#![deny(warnings)]

use ftmb::dashmap::DashMap;
use ftmb::prelude::*;
use ftmb_runtime::sync::{Shared, Walker};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

#[ftmb::shared]
struct Table<V: State> {
    entries: DashMap<u32, V>,
    used: AtomicU64,
    sweeps: u64,
}

#[ftmb::middlebox]
impl<V: State> Table<V> {
    fn new() -> Self {
        Self { entries: DashMap::with_shard_amount(2), used: AtomicU64::new(0), sweeps: 0 }
    }

    fn put(&self, key: u32, value: V) -> u64 {
        self.entries.insert(key, value);
        self.sweeps += 1;
        self.used.fetch_add(1, Ordering::Relaxed)
    }
}

#[ftmb::shared]
struct Nat {
    table: Table<String>,
    tables: Vec<Table<u8>>,
    other: Option<Arc<Table<u8>>>,
    maybe: Option<Mutex<BTreeMap<u8, VecDeque<u32>>>>,
    boxed: Box<RwLock<HashMap<u32, BTreeMap<u8, u8>>>>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self {
            table: Table::new(),
            tables: vec![Table::new(), Table::new()],
            other: Some(Arc::new(Table::new())),
            maybe: Some(Mutex::new(BTreeMap::new())),
            boxed: Box::new(RwLock::new(HashMap::new())),
        }
    }

    fn use_all(&self) -> u64 {
        self.table.put(1, "one".into());
        self.tables[1].entries.insert(3, 4);
        if let Some(maybe) = &self.maybe {
            maybe.lock().unwrap().entry(1).or_default().push_back(2);
        }
        self.boxed.write().unwrap().entry(1).or_default().insert(1, 1);
        self.other.as_ref().map_or(0, |table| table.put(1, 2)) + self.table.put(2, "two".into())
    }
}

fn main() {
    let nat = Nat::new();
    assert_eq!(nat.use_all(), 1);
    let mut walker = Walker::new();
    nat.walk(&mut walker);
    let names: Vec<&str> = walker.names().take(9).collect();
    let expected = [
        "table.entries[0]",
        "table.entries[1]",
        "table.used",
        "table.sweeps",
        "tables[0].entries[0]",
        "tables[0].entries[1]",
        "tables[0].used",
        "tables[0].sweeps",
        "tables[1].entries[0]",
    ];
    assert_eq!(names, expected);
}
