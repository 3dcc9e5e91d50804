//! Tracked synchronisation types: std's API, and every access to shared state leaves a determinant (protocol section 3).
//!
//! Invariant: a tracked value is reached only inside a section; a section is entered and counted under the real lock, its word
//! recorded by the core that runs on the thread. Threads that run no core may only construct, or peek.

mod atomics;
pub mod bare;
mod counter;
pub(crate) mod current;
mod head;
pub(crate) mod held;
mod mapped;
mod mutex;
mod per_core;
mod raw;
mod registry;
mod rwlock;
mod sleepers;
mod statics;
#[cfg(test)]
pub(crate) mod tests;
mod tracked;
mod variable;

pub use atomics::{
    Atomic, AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize,
};
pub use counter::Counter;
pub use head::Head;
pub(crate) use mapped::PartGuard;
pub use mapped::{MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard};
pub use mutex::{Mutex, MutexGuard, MutexPeek};
pub use per_core::{PerCore, PerCoreMut};
pub use registry::{Shared, Table, TableError, Walker};
pub use rwlock::{RwLock, RwLockPeek, RwLockReadGuard, RwLockWriteGuard};
pub use statics::{Declared, InstanceCopy, STATICS, Static, Statics};
pub use tracked::{Tracked, TrackedMut, TrackedRef};
