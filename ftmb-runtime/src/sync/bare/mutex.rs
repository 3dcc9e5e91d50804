//! The mutex whose `lock` gives the guard itself.
//!
//! Invariant: see [`bare`](super).

use std::fmt;

use super::sound;
use crate::state::State;
use crate::sync::{self, MutexGuard, MutexPeek, Shared, Walker};

/// [`sync::Mutex`] in the shape of `parking_lot::Mutex`.
///
/// ```
/// use ftmb_runtime::sync::bare::Mutex;
/// let mut ports = Mutex::new(vec![1024_u16]);
/// ports.lock().push(1025);
/// assert_eq!(ports.try_lock().map(|ports| ports.len()), Some(2));
/// assert_eq!(*ports.get_mut(), [1024, 1025]);
/// ```
#[derive(Default)]
pub struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    /// A mutex with a value.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(sync::Mutex::new(value))
    }

    /// Enters the section, waiting for whoever is inside.
    ///
    /// # Panics
    /// As [`sync::Mutex::lock`].
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        sound(self.0.lock())
    }

    /// Enters the section if nobody is inside. A failure is recorded; it may be spurious.
    ///
    /// # Panics
    /// As [`sync::Mutex::try_lock`].
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
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
    /// As [`sync::Mutex::peek`].
    #[track_caller]
    pub fn peek(&self) -> MutexPeek<'_, T> {
        self.0.peek()
    }
}

/// `parking_lot`'s constructor for statics and constants.
///
/// ```
/// assert_eq!(ftmb_runtime::sync::bare::const_mutex(3).into_inner(), 3);
/// ```
pub const fn const_mutex<T>(value: T) -> Mutex<T> {
    Mutex::new(value)
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: State> Shared for Mutex<T> {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        self.0.walk(walker);
    }
}
