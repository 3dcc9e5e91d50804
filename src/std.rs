//! The parts of std that hold or choose shared state, tracked: same names, same shapes.
//!
//! For code in files, where no attribute reaches the imports, changing `use std::` to `use ftmb::std::` is the port of the
//! imports (modules of std that are pure, such as `fmt` and `net`, are here as they are); the structs and their `impl` blocks
//! take [`#[ftmb::shared]`](crate::shared) and [`#[ftmb::middlebox]`](crate::middlebox). `docs/PORTING.md` goes through it.
//!
//! Invariant: whatever is here replays; what is missing does not, or saves no state:
//!
//! | missing | why | instead |
//! | --- | --- | --- |
//! | `sync::{mpsc, Condvar, Barrier}` | which core comes first, or wakes, is not recorded | a `Mutex<VecDeque<_>>` that `tick` looks at |
//! | `sync::{Once, OnceLock, LazyLock}` | who initialises is not recorded | compute in the constructor, or `Mutex<Option<_>>`; std's own for a constant, or for what `main` sets before the group starts |
//! | `sync::Weak`, `atomic::AtomicPtr` | an address means nothing in the next process | an index or key |
//! | `collections::BinaryHeap`, `LinkedList` | their shape is not saved | `BTreeMap`, `VecDeque` |
//! | `fs`, `env`, `io`, `process`, `thread`, `net::{TcpStream, UdpSocket, ..}` | the next process would see something else | packets, `control`, the `[middlebox]` table of the configuration |
//! | `rc`, `cell`, `pin`, `ptr`, `task` | no state that a checkpoint could hold | ids, locks; std's own for what lives within one packet |
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

#[doc(no_inline)]
pub use ::std::{
    array, ascii, borrow, boxed, char, clone, cmp, convert, default, error, f32, f64, fmt, iter, marker, mem, num, ops,
    option, result, slice, str, string, vec,
};

/// Hashing whose result is the same in every process: std's without `RandomState`, which is seeded anew by each.
///
/// ```
/// use ftmb::std::hash::{Hash, Hasher};
/// #[derive(Default)]
/// struct Sum(u64);
/// impl Hasher for Sum {
///     fn write(&mut self, bytes: &[u8]) { self.0 += bytes.iter().map(|b| u64::from(*b)).sum::<u64>() }
///     fn finish(&self) -> u64 { self.0 }
/// }
/// let mut sum = Sum::default();
/// [1_u8, 2].hash(&mut sum);
/// assert!(sum.finish() >= 3);
/// ```
pub mod hash {
    pub use ::std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
}

/// Addresses; no sockets, which packet code must not use.
///
/// ```
/// use ftmb::std::net::{IpAddr, Ipv4Addr, SocketAddr};
/// assert_eq!(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53).to_string(), "127.0.0.1:53");
/// ```
pub mod net {
    pub use ::std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
}

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
        pub use ::std::sync::atomic::{Ordering, compiler_fence, fence};
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
