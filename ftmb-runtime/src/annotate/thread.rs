//! What `std::thread::current()` is rewritten to: the core, which is the same one when a packet is replayed.
//!
//! Invariant: two ids are equal exactly if they stem from the same core; outside of packet code all are equal.

use crate::sync::current;

/// Stands for the thread of the current core. It has an id and nothing else: names and handles differ between processes.
#[derive(Clone, Copy, Debug)]
pub struct CurrentCore(());

/// Tells cores apart; replaces [`std::thread::ThreadId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(Option<usize>);

/// The thread of the current core.
#[must_use]
pub fn current() -> CurrentCore {
    CurrentCore(())
}

impl CurrentCore {
    /// Which core it is.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        ThreadId(current::with(|core| core.map(|core| core.index)))
    }
}
