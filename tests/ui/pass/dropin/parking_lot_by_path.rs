//! Locks of parking_lot written in full, in every container: nothing else changes, and the crate need not be there.

#![deny(warnings)]
#![warn(clippy::pedantic)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

#[ftmb::shared]
struct Nat {
    flows: parking_lot::RwLock<HashMap<u32, u16>>,
    free: ::parking_lot::Mutex<VecDeque<u16>>,
    shards: Vec<parking_lot::Mutex<BTreeMap<u32, String>>>,
    pair: [parking_lot::RwLock<u32>; 2],
    boxed: Box<parking_lot::Mutex<u8>>,
    arc: Arc<parking_lot::Mutex<u8>>,
    maybe: Option<parking_lot::Mutex<u8>>,
    of_std: std::sync::Mutex<u8>,
    #[cfg(any())]
    elsewhere: DashMap<u32, u32>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        let free = parking_lot::Mutex::new((1..4).collect());
        Self {
            flows: parking_lot::RwLock::new(HashMap::new()),
            free,
            shards: (0..2).map(|_| parking_lot::Mutex::default()).collect(),
            pair: [parking_lot::RwLock::new(1), parking_lot::const_rwlock(2)],
            boxed: Box::new(parking_lot::Mutex::new(3)),
            arc: Arc::new(::parking_lot::Mutex::new(4)),
            maybe: Some(parking_lot::const_mutex(5)),
            of_std: std::sync::Mutex::new(6),
        }
    }

    fn guard(&self) -> parking_lot::MutexGuard<'_, VecDeque<u16>> {
        self.free.lock()
    }

    fn use_all(&self) -> u32 {
        let port = self.guard().pop_front().unwrap();
        self.flows.write().insert(7, port);
        if let Some(found) = self.flows.read().get(&7) {
            assert_eq!(*found, 1);
        }
        let mut writer = self.flows.write();
        writer.insert(8, 2);
        let reader = parking_lot::RwLockWriteGuard::downgrade(writer);
        assert!(self.flows.try_write().is_none());
        assert_eq!(reader.len(), 2);
        self.shards[1].lock().insert(1, "one".into());
        *self.pair[0].write() += 1;
        *self.boxed.lock() += 1;
        if let Some(lock) = &self.maybe
            && let Some(mut guard) = lock.try_lock()
        {
            *guard += 1;
        }
        let one = parking_lot::MutexGuard::map(self.arc.lock(), |value| value);
        u32::from(*one) + *self.pair[0].read() + u32::from(*self.of_std.lock().unwrap())
    }
}

fn main() {
    assert_eq!(Nat::new().use_all(), 4 + 2 + 6);
}
