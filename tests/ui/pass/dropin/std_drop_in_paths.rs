//! A file whose only change are the imports: `std` became `ftmb::std`.

#![deny(warnings)]

use ftmb::std::collections::hash_map::Entry;
use ftmb::std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use ftmb::std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use ftmb::std::sync::{Arc, LockResult, Mutex, MutexGuard, RwLock, RwLockReadGuard, TryLockError};
use ftmb::std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[ftmb::shared]
struct Nat {
    flows: RwLock<HashMap<u32, Instant>>,
    blocked: Arc<Mutex<HashSet<u32>>>,
    queues: Vec<Mutex<VecDeque<u32>>>,
    rules: Box<RwLock<BTreeMap<u8, String>>>,
    next_port: AtomicU16,
    open: Option<AtomicBool>,
    started: SystemTime,
    timeout: Duration,
    plain: HashMap<u32, u32>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self {
            flows: RwLock::new(HashMap::new()),
            blocked: Arc::new(Mutex::new(HashSet::from([1]))),
            queues: (0..2).map(|_| Mutex::new(VecDeque::new())).collect(),
            rules: Box::new(RwLock::new(BTreeMap::new())),
            next_port: AtomicU16::new(1024),
            open: Some(AtomicBool::new(true)),
            started: UNIX_EPOCH,
            timeout: Duration::from_secs(30),
            plain: HashMap::new(),
        }
    }

    fn rules(&self) -> LockResult<RwLockReadGuard<'_, BTreeMap<u8, String>>> {
        self.rules.read()
    }

    fn blocked(&self) -> MutexGuard<'_, HashSet<u32>> {
        self.blocked.lock().unwrap()
    }

    fn see(&self, flow: u32) -> u16 {
        if self.blocked().contains(&flow) || !self.open.as_ref().is_some_and(|open| open.load(Ordering::SeqCst)) {
            return 0;
        }
        match self.flows.write().unwrap().entry(flow) {
            Entry::Occupied(mut entry) => {
                assert!(entry.get().elapsed() <= self.timeout);
                entry.insert(Instant::default());
            }
            Entry::Vacant(entry) => {
                entry.insert(Instant::default());
            }
        }
        match self.queues[0].try_lock() {
            Ok(mut queue) => queue.push_back(flow),
            Err(TryLockError::WouldBlock) => return 1,
            Err(TryLockError::Poisoned(_)) => unreachable!(),
        }
        self.plain.insert(1, self.rules().unwrap().len() as u32);
        assert_eq!(self.started, SystemTime::UNIX_EPOCH);
        self.next_port.fetch_add(1, Ordering::Relaxed)
    }
}

fn main() {
    let nat = Nat::new();
    assert_eq!((nat.see(1), nat.see(2), nat.see(2)), (0, 1024, 1025));
}
