//! Tracked locks under the names and in the shapes of the crate `parking_lot`, of which nothing is linked.
//!
//! Changing `use parking_lot::` to `use ftmb::parking_lot::` is the port of a file. Fields written as `parking_lot::Mutex<..>` in
//! full need not even that; for bare names there is `#[ftmb::shared(locks = "parking_lot")]`.
//!
//! Invariant: each lock is a variable as [`sync`](crate::sync)'s locks are; what is missing does not replay: `Condvar`, upgradable
//! reads (use [`RwLockWriteGuard::downgrade`]), `Once`, `ReentrantMutex`, waiting with a time-out, `is_locked`, `Arc` guards,
//! fairness (`FairMutex`, `unlock_fair`, `bump`: the order of cores is recorded as it comes).
//!
//! ```
//! use ftmb::parking_lot::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};
//!
//! let (free, rules) = (Mutex::new(vec![1024_u16, 1025]), RwLock::new(vec!["allow"]));
//! let first = MutexGuard::map(free.lock(), |free| &mut free[0]);
//! assert!(free.try_lock().is_none());
//! let mut rules = rules.write();
//! rules.push("deny");
//! assert_eq!((*first, RwLockWriteGuard::downgrade(rules).len()), (1024, 2));
//! ```

pub use ftmb_runtime::sync::bare::{Mutex, RwLock, const_mutex, const_rwlock};
pub use ftmb_runtime::sync::{
    MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, MutexGuard, RwLockReadGuard, RwLockWriteGuard,
};
