//! The parts of std that hold or choose shared state, tracked: same names, same shapes.
//!
//! For code in files, where no attribute reaches the imports, changing `use std::` to `use ftmb::std::` is the port; the
//! struct and its `impl` blocks take [`#[ftmb::shared]`](crate::shared) and [`#[ftmb::middlebox]`](crate::middlebox).
//!
//! Invariant: whatever is here replays; what is missing does not, or saves no state:
//!
//! | missing | why | instead |
//! | --- | --- | --- |
//! | `sync::{mpsc, Condvar, Barrier}` | which core comes first, or wakes, is not recorded | a `Mutex<VecDeque<_>>` that `tick` looks at |
//! | `sync::{Once, OnceLock, LazyLock}` | who initialises is not recorded | compute in the constructor, or `Mutex<Option<_>>` |
//! | `sync::Weak`, `atomic::AtomicPtr` | an address means nothing in the next process | an index or key |
//! | `collections::BinaryHeap`, `LinkedList` | their shape is not saved | `BTreeMap`, `VecDeque` |
//! | `collections::hash_map::{RandomState, DefaultHasher}` | ftmb's maps bring their own seed | nothing |
//!
//! ```
//! use ftmb::prelude::*;
//! use ftmb::std::collections::HashMap;
//! use ftmb::std::sync::atomic::{AtomicU64, Ordering};
//! use ftmb::std::sync::{Arc, Mutex};
//! use ftmb::std::time::Instant;
//!
//! #[ftmb::shared]
//! struct Table {
//!     seen: Arc<Mutex<HashMap<u32, Instant>>>,
//!     hits: AtomicU64,
//! }
//!
//! #[ftmb::middlebox]
//! impl Table {
//!     fn new() -> Self {
//!         Self { seen: Arc::new(Mutex::new(HashMap::new())), hits: AtomicU64::new(0) }
//!     }
//!
//!     fn see(&self, flow: u32) {
//!         self.seen.lock().unwrap().insert(flow, Instant::now());
//!         self.hits.fetch_add(1, Ordering::Relaxed);
//!     }
//! }
//! # let _ = Table::new();
//! ```

/// Collections that save only what changed, or save as a whole, and behave the same after a restore.
///
/// ```
/// use ftmb::std::collections::{HashMap, VecDeque, hash_map::Entry};
/// let mut map = HashMap::from([(1, VecDeque::from([2]))]);
/// assert!(matches!(map.entry(1), Entry::Occupied(_)));
/// ```
pub mod collections {
    pub use ::std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map, btree_set, vec_deque};
    pub use ftmb_runtime::collections::{HashMap, HashSet, hash_map};
}

/// Locks and atomics whose every access is recorded.
///
/// ```
/// use ftmb::std::sync::{Mutex, RwLock, TryLockError};
/// let (free, rules) = (Mutex::new(vec![1024_u16]), RwLock::new(0));
/// let held = free.lock().unwrap();
/// assert!(matches!(free.try_lock(), Err(TryLockError::WouldBlock)));
/// assert_eq!(*rules.read().unwrap() + held[0], 1024);
/// ```
pub mod sync {
    pub use ::std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult};
    pub use ftmb_runtime::sync::{
        MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard, RwLock, RwLockReadGuard,
        RwLockWriteGuard,
    };

    /// Tracked atomics: each access is a section of its own.
    pub mod atomic {
        pub use ::std::sync::atomic::Ordering;
        pub use ftmb_runtime::sync::{
            AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
            AtomicU64, AtomicUsize,
        };
    }
}

/// Clocks that give the current packet's arrival.
///
/// ```
/// use ftmb::std::time::{Duration, SystemTime, UNIX_EPOCH};
/// assert_eq!((UNIX_EPOCH + Duration::from_secs(1)).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), 1);
/// ```
pub mod time {
    pub use ::std::time::Duration;
    pub use ftmb_runtime::time::{Instant, SystemTime, SystemTimeError};

    /// The beginning of 1970, UTC.
    pub const UNIX_EPOCH: SystemTime = SystemTime::UNIX_EPOCH;
}
