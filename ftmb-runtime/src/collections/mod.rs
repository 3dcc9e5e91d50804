//! Collections for tracked variables: they save only the entries that changed, and behave the same after a restore.
//!
//! Invariant: everything that a program can observe of a collection (order of iteration, capacity, which index comes
//! next) depends on the operations it saw alone, never on a hash seed, an address or a restore.

mod changes;
pub mod hash_map;
mod hash_set;
mod index_pool;
mod set_algebra;
pub mod sharded_map;
pub mod sharded_set;

pub use hash_map::HashMap;
pub use hash_set::HashSet;
pub use index_pool::{IndexPool, PoolError};
pub use sharded_map::ShardedMap;
pub use sharded_set::ShardedSet;
