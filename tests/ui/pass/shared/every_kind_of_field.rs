//! Locks, containers of locks, atomics, counters, per-core state, configuration and plain data.

use ftmb::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

#[ftmb::state]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key(Ipv4Addr, u16);

#[ftmb::state]
#[derive(Clone, Default)]
struct Cache {
    last: Option<u64>,
}

/// Documentation stays.
#[ftmb::shared]
pub struct Everything {
    #[ftmb(config)]
    name: String,
    #[ftmb(config)]
    table: &'static [u8],
    pub flows: RwLock<HashMap<Key, u16>>,
    free: Mutex<VecDeque<u16>>,
    seen: Mutex<HashSet<u32>>,
    nested: Mutex<Vec<HashMap<u32, u32>>>,
    shards: Vec<Mutex<BTreeMap<u32, String>>>,
    pair: [RwLock<u32>; 2],
    boxed: Box<Mutex<u8>>,
    arc: Arc<Mutex<u8>>,
    maybe: Option<Mutex<u8>>,
    hits: AtomicU64,
    flags: [AtomicBool; 3],
    sizes: Vec<AtomicUsize>,
    signed: AtomicI32,
    total: Counter,
    own: ftmb::sync::Mutex<ftmb::collections::HashMap<u32, u32>>,
    #[ftmb(per_core)]
    cache: Cache,
    generation: u64,
    gap: Duration,
    list: Vec<u32>,
    plain_map: HashMap<u32, u32>,
    tuple: (u8, Option<bool>),
    since: ftmb::time::Instant,
    r#type: u8,
}

#[ftmb::middlebox]
impl Everything {
    pub fn new() -> Everything {
        let flows = RwLock::new(HashMap::from([(Key(Ipv4Addr::LOCALHOST, 1), 2)]));
        Everything {
            name: "all".to_owned(),
            table: b"abc",
            flows,
            free: Mutex::new((1..4).collect()),
            seen: Mutex::default(),
            nested: Mutex::new(vec![HashMap::from([(1, 2)])]),
            shards: (0..2).map(|_| Mutex::default()).collect(),
            pair: [RwLock::new(1), RwLock::new(2)],
            boxed: Box::new(Mutex::new(3)),
            arc: Arc::new(Mutex::new(4)),
            maybe: Some(Mutex::new(5)),
            hits: AtomicU64::new(6),
            flags: Default::default(),
            sizes: vec![AtomicUsize::new(7)],
            signed: (-8).into(),
            total: Counter::new(),
            own: Default::default(),
            cache: Cache::default(),
            generation: 9,
            gap: Duration::from_secs(1),
            list: vec![1, 2, 3],
            plain_map: HashMap::new(),
            tuple: (1, None),
            since: ftmb::time::Instant::default(),
            r#type: 10,
        }
    }

    fn use_all(&self) {
        assert_eq!(self.name, "all");
        assert_eq!(self.table.len(), 3);
        assert_eq!(self.flows.read().unwrap().get(&Key(Ipv4Addr::LOCALHOST, 1)), Some(&2));
        self.seen.lock().unwrap().insert(4);
        assert_eq!(self.nested.lock().unwrap()[0].get(&1), Some(&2));
        self.shards[1].lock().unwrap().insert(1, "one".into());
        *self.pair[0].write().unwrap() += 1;
        assert_eq!(*self.pair[0].read().unwrap(), 2);
        assert_eq!(*self.arc.lock().unwrap() + *self.boxed.lock().unwrap(), 7);
        if let Some(lock) = &self.maybe {
            *lock.lock().unwrap() = 6;
        }
        assert_eq!(self.generation, 9);
        self.plain_map.insert(1, 2);
        assert_eq!(self.plain_map.get(&1).copied(), Some(2));
        assert_eq!(self.tuple.0, 1);
        self.tuple.1 = Some(true);
        assert_eq!(self.r#type, 10);
        self.r#type = 11;
        assert_eq!(self.gap.as_secs() + self.since.elapsed().as_secs(), 1);
    }
}

fn main() {
    Everything::new().use_all();
}
