//! Tuple structs name their variables by number; unit structs have none; both may be generic and nested.

#![deny(warnings)]

use std::collections::HashMap;
use std::sync::{Mutex, RwLock};

use ftmb::State;
use ftmb_runtime::sync::{Shared, Walker};

#[ftmb::shared]
struct Pair(Mutex<u32>, u64, #[ftmb(config)] &'static str);

#[ftmb::shared]
struct Nothing;

#[ftmb::shared]
struct Table<T>(RwLock<HashMap<u16, T>>, T)
where
    T: Clone;

#[ftmb::shared]
struct Whole {
    pair: Pair,
    nothing: Nothing,
    tables: Vec<Table<u8>>,
    last: Option<Box<Pair>>,
}

#[ftmb::middlebox]
impl Pair {
    fn new(first: u32, name: &'static str) -> Self {
        Self(Mutex::new(first), u64::from(first), name)
    }

    fn named() -> Self {
        Pair { 0: Mutex::new(1), 1: 2, 2: "named" }
    }

    fn bump(&self) -> u64 {
        *self.0.lock().unwrap() += 1;
        self.1 += u64::from(*self.0.lock().unwrap());
        assert!(self.1 > 0, "{} {}", self.1, self.2);
        self.1
    }
}

#[ftmb::middlebox]
impl<T: State + Clone> Table<T> {
    fn new(value: T) -> Self {
        Self(RwLock::new(HashMap::new()), value)
    }

    fn fill(&self, key: u16) -> T {
        let value = self.1.clone();
        self.0.write().unwrap().insert(key, value.clone());
        value
    }
}

#[ftmb::middlebox]
impl Whole {
    fn new() -> Self {
        Self {
            pair: Pair::new(3, "three"),
            nothing: Nothing,
            tables: vec![Table::new(1), Table::new(2)],
            last: Some(Box::new(Pair::named())),
        }
    }

    fn work(&self) -> u64 {
        let filled: u8 = self.tables.iter().map(|table| table.fill(7)).sum();
        self.pair.bump() + u64::from(filled) + self.last.as_ref().map_or(0, |pair| pair.bump())
    }
}

fn main() {
    let whole = Whole::new();
    assert_eq!(whole.work(), 7 + 3 + 4);
    let mut walker = Walker::new();
    whole.walk(&mut walker);
    let names: Vec<&str> = walker.names().collect();
    let expected =
        ["pair.0", "pair.1", "tables[0].0", "tables[0].1", "tables[1].0", "tables[1].1", "last[0].0", "last[0].1"];
    assert_eq!(names, expected);
    let _ = &whole.nothing;
}
