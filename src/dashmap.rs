//! A tracked concurrent map and set under the names and in the shape of the crate `dashmap`, of which nothing is linked.
//!
//! Changing `use dashmap::` to `use ftmb::dashmap::` is the port of a file. In the fields of a `#[ftmb::shared]` struct and in
//! `#[ftmb::middlebox]` code `DashMap` and `DashSet` mean these in any case.
//!
//! Invariant: every access is a section of one shard, a variable of its own; see
//! [`ShardedMap`](ftmb_runtime::collections::ShardedMap) for what it keeps and what is missing.
//!
//! ```
//! use ftmb::dashmap::DashMap;
//! use ftmb::dashmap::mapref::entry::Entry;
//!
//! let flows = DashMap::new();
//! flows.insert("a", 1);
//! if let Entry::Occupied(mut entry) = flows.entry("a") {
//!     *entry.get_mut() += 1;
//! }
//! assert_eq!(flows.iter().map(|flow| *flow.value()).sum::<i32>(), 2);
//! ```

pub use ftmb_runtime::collections::ShardedMap as DashMap;
pub use ftmb_runtime::collections::ShardedSet as DashSet;
pub use ftmb_runtime::collections::sharded_map::{Entry, OccupiedEntry, VacantEntry};

/// What `try_get` finds.
pub mod try_result {
    pub use ftmb_runtime::collections::sharded_map::TryResult;
}

/// Elements in the section of their shard.
pub mod setref {
    /// Of one key.
    pub mod one {
        pub use ftmb_runtime::collections::sharded_set::Element as Ref;
    }
    /// That an iterator came by.
    pub mod multiple {
        pub use ftmb_runtime::collections::sharded_set::ElementMulti as RefMulti;
    }
}

/// Iterators of sets.
pub mod iter_set {
    pub use ftmb_runtime::collections::sharded_set::{IntoIter as OwningIter, Iter};
}

/// Iterators.
pub mod iter {
    pub use ftmb_runtime::collections::sharded_map::{IntoIter as OwningIter, Iter, IterMut};
}

/// Entries in the section of their shard.
pub mod mapref {
    /// Of one key, there or not.
    pub mod entry {
        pub use ftmb_runtime::collections::sharded_map::{Entry, OccupiedEntry, VacantEntry};
    }
    /// Of one key.
    pub mod one {
        pub use ftmb_runtime::collections::sharded_map::{Ref, RefMut};
    }
    /// That an iterator came by.
    pub mod multiple {
        pub use ftmb_runtime::collections::sharded_map::{RefMulti, RefMutMulti};
    }
}
