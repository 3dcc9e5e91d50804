//! The fixed list of names that an instrumented module means differently, and the names that make a type state of its own.
//!
//! Invariant: what replaces a name has the same shape, so that the lines which use it stay as they are.
//!
//! ```text
//! std::sync::{Mutex, RwLock, their guards}, std::sync::atomic::Atomic*      the tracked types
//! std::collections::{HashMap, HashSet, hash_map}                             ftmb's, with an order that replays
//! std::time::{Instant, SystemTime}                                           ftmb's: the packet's arrival
//! parking_lot, dashmap, hashbrown                                            ftmb's types of the same shape
//! ```

/// Modules of std, and the names in them that ftmb has its own version of, at the same path in `ftmb::std`.
const NAMES: &[(&[&str], &[&str])] = &[
    (&["std", "sync"], &["Mutex", "MutexGuard", "RwLock", "RwLockReadGuard", "RwLockWriteGuard"]),
    (&["std", "sync", "atomic"], ATOMICS),
    (&["std", "collections"], &["HashMap", "HashSet", "hash_map"]),
    (&["std", "time"], &["Instant", "SystemTime", "SystemTimeError", "UNIX_EPOCH"]),
];

const ATOMICS: &[&str] = &[
    "AtomicBool",
    "AtomicU8",
    "AtomicU16",
    "AtomicU32",
    "AtomicU64",
    "AtomicUsize",
    "AtomicI8",
    "AtomicI16",
    "AtomicI32",
    "AtomicI64",
    "AtomicIsize",
];

/// Crates that ftmb has drop-in modules for.
const CRATES: &[&str] = &["parking_lot", "dashmap", "hashbrown"];

/// The module of `ftmb::__private` that a path's first segment is replaced by, if what it names has a counterpart there.
pub(super) fn counterpart(path: &[String]) -> Option<&'static str> {
    let first = path.first().map(String::as_str)?;
    if let Some(name) = CRATES.iter().find(|name| **name == first) {
        return (path.len() > 1).then_some(*name);
    }
    let first = if first == "core" { "std" } else { first };
    let known = NAMES.iter().any(|(module, names)| {
        path.len() > module.len()
            && module[0] == first
            && module[1..].iter().zip(&path[1..]).all(|(known, found)| known == found)
            && names.contains(&path[module.len()].as_str())
    });
    known.then_some("std")
}

/// Whether ftmb has a drop-in module for all of this crate.
pub(super) fn is_crate(name: &str) -> bool {
    CRATES.contains(&name)
}

/// The names that `use path::*` would have to import from ftmb.
pub(super) fn in_glob(path: &[String]) -> Option<&'static [&'static str]> {
    NAMES.iter().find(|(module, _)| *module == path).map(|(_, names)| *names)
}

/// Whether paths with a counterpart may begin with this one.
pub(super) fn leads_to_counterparts(path: &[String]) -> bool {
    let below =
        |module: &[&str]| module.len() >= path.len() && module.iter().zip(path).all(|(known, found)| known == found);
    NAMES.iter().any(|(module, _)| below(module)) || CRATES.iter().any(|name| below(&[name]))
}

/// Types that guard their own data: a struct that holds one is shared state, not data.
pub(super) fn is_lock(name: &str) -> bool {
    matches!(
        name,
        "Mutex"
            | "RwLock"
            | "ReentrantMutex"
            | "FairMutex"
            | "DashMap"
            | "DashSet"
            | "ShardedMap"
            | "ShardedSet"
            | "Counter"
            | "PerCore"
    ) || name.starts_with("Atomic")
}

/// Types that change behind a shared reference, and that shared state cannot hold: handed on, so that the message says why.
pub(super) fn changes_unseen(name: &str) -> bool {
    matches!(name, "OnceLock" | "Once" | "OnceCell" | "Condvar" | "Barrier" | "SyncSender" | "Sender" | "Receiver")
}
