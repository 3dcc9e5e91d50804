//! The tracked locks in the shape of `parking_lot`'s: `lock()` gives the guard itself.
//!
//! Invariant: nothing here but the shape; each lock is the tracked one of [`sync`](super), the same variable with the same
//! guards, sections and refusals.
//!
//! What is not here cannot be replayed, or depends on the clock: waiting with a time-out, condition variables, asking
//! whether a lock is held, upgradable reads.

mod mutex;
mod rwlock;

pub use mutex::{Mutex, const_mutex};
pub use rwlock::{RwLock, Upgradable, const_rwlock};

use std::sync::LockResult;

/// A tracked lock is never poisoned.
#[inline]
fn sound<G>(result: LockResult<G>) -> G {
    let (Ok(guard) | Err(guard)) = result.map_err(std::sync::PoisonError::into_inner);
    guard
}
