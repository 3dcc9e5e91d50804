//! What `std::thread::current()` is rewritten to: the core, which is the same one when a packet is replayed.
//!
//! Invariant: two ids are equal exactly if they stem from the same core; outside of packet code all are equal.

use crate::sync::current;

/// Stands for the thread of the current core.
#[derive(Clone, Copy, Debug)]
pub struct Thread(());

/// Tells cores apart; replaces [`std::thread::ThreadId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(Option<usize>);

/// The thread of the current core.
#[must_use]
pub fn current() -> Thread {
    Thread(())
}

impl Thread {
    /// Which core it is.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        ThreadId(current::with(|core| core.map(|core| core.index)))
    }
}
