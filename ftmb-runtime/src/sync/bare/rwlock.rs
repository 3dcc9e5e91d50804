//! The reader/writer lock whose `read` and `write` give the guard itself.
//!
//! Invariant: see [`bare`](super).

use std::fmt;

use super::sound;
use crate::state::State;
use crate::sync::{self, RwLockPeek, RwLockReadGuard, RwLockWriteGuard, Shared, Walker};

/// [`sync::RwLock`] in the shape of `parking_lot::RwLock`.
///
/// ```
/// use ftmb_runtime::sync::RwLockWriteGuard;
/// use ftmb_runtime::sync::bare::RwLock;
/// let rules = RwLock::new(vec!["allow"]);
/// let mut guard = rules.write();
/// guard.push("deny");
/// assert_eq!(RwLockWriteGuard::downgrade(guard).len(), 2);
/// assert_eq!(rules.read().len(), 2);
/// ```
#[derive(Default)]
pub struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    /// A lock with a value.
    pub const fn new(value: T) -> RwLock<T> {
        RwLock(sync::RwLock::new(value))
    }

    /// Enters shared, waiting for a writer.
    ///
    /// # Panics
    /// As [`sync::RwLock::read`].
    #[inline]
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        sound(self.0.read())
    }

    /// As [`read`](Self::read), which lets a core that is inside shared enter again.
    ///
    /// # Panics
    /// As [`sync::RwLock::read`].
    #[inline]
    #[track_caller]
    pub fn read_recursive(&self) -> RwLockReadGuard<'_, T> {
        self.read()
    }

    /// Enters exclusively, waiting for whoever is inside.
    ///
    /// # Panics
    /// As [`sync::RwLock::write`].
    #[inline]
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        sound(self.0.write())
    }

    /// Enters shared if no writer is inside or waiting. A failure is recorded; it may be spurious.
    ///
    /// # Panics
    /// As [`sync::RwLock::try_read`].
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.0.try_read().ok()
    }

    /// Enters exclusively if nobody is inside. A failure is recorded; it may be spurious.
    ///
    /// # Panics
    /// As [`sync::RwLock::try_write`].
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.0.try_write().ok()
    }

    /// The value, without locking: nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        sound(self.0.get_mut())
    }

    /// Gives the value back.
    pub fn into_inner(self) -> T {
        sound(self.0.into_inner())
    }

    /// Looks at the value from a report.
    ///
    /// # Panics
    /// As [`sync::RwLock::peek`].
    #[track_caller]
    pub fn peek(&self) -> RwLockPeek<'_, T> {
        self.0.peek()
    }

    /// Never compiles; says what to write in the place of an upgradable read.
    #[doc(hidden)]
    pub fn upgradable_read(&self) -> RwLockReadGuard<'_, T>
    where
        Self: Upgradable,
    {
        self.read()
    }
}

/// Implemented by no lock: the message of [`RwLock::upgradable_read`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a tracked `RwLock` has no upgradable reads",
    label = "there is no determinant for a section that is shared first and exclusive later",
    note = "help: enter with `write()`, and `RwLockWriteGuard::downgrade` the guard once nothing changes any more",
    note = "help: or enter with `read()`, end that section, enter with `write()` and look again"
)]
pub trait Upgradable {}

/// `parking_lot`'s constructor for statics and constants.
///
/// ```
/// assert_eq!(ftmb_runtime::sync::bare::const_rwlock(3).into_inner(), 3);
/// ```
pub const fn const_rwlock<T>(value: T) -> RwLock<T> {
    RwLock::new(value)
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: State> Shared for RwLock<T> {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        self.0.walk(walker);
    }
}
