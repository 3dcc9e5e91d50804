//! ftmb's map and set under the names of the crate `hashbrown`.
//!
//! Invariant: they keep their order across a restore, and save only what changed.
//!
//! ```
//! use ftmb::hashbrown::HashMap;
//! let map = HashMap::from_iter([(1, 'a')]);
//! assert_eq!(map[&1], 'a');
//! ```

pub use ftmb_runtime::collections::{HashMap, HashSet, hash_map};
