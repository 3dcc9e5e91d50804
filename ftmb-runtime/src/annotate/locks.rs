//! [`Shareable`] for whatever guards its own data, and for the containers that take the kind of their content.
//!
//! Invariant: a lock of std becomes the tracked lock of the same shape; a lock that is tracked already stays.

use std::sync::{Arc, PoisonError};

use super::{Locks, Shareable, Storable};
use crate::state::State;
use crate::sync;

impl<T: Storable> Shareable for std::sync::Mutex<T> {
    type Kind = Locks;
    type Stored = sync::Mutex<T::Stored>;

    fn into_stored(self) -> Self::Stored {
        sync::Mutex::new(self.into_inner().unwrap_or_else(PoisonError::into_inner).into_stored())
    }
}

impl<T: Storable> Shareable for std::sync::RwLock<T> {
    type Kind = Locks;
    type Stored = sync::RwLock<T::Stored>;

    fn into_stored(self) -> Self::Stored {
        sync::RwLock::new(self.into_inner().unwrap_or_else(PoisonError::into_inner).into_stored())
    }
}

macro_rules! bare {
    ($($name:ident)*) => {$(
        impl<T: Storable> Shareable for sync::bare::$name<T> {
            type Kind = Locks;
            type Stored = sync::bare::$name<T::Stored>;

            fn into_stored(self) -> Self::Stored {
                sync::bare::$name::new(self.into_inner().into_stored())
            }
        }
    )*};
}

bare! { Mutex RwLock }

macro_rules! atomics {
    ($($name:ident)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Shareable for std::sync::atomic::$name {
            type Kind = Locks;
            type Stored = sync::$name;

            fn into_stored(self) -> Self::Stored {
                sync::$name::new(self.into_inner())
            }
        }

        #[diagnostic::do_not_recommend]
        impl Shareable for sync::$name {
            type Kind = Locks;
            type Stored = Self;

            fn into_stored(self) -> Self {
                self
            }
        }
    )*};
}

atomics! {
    AtomicBool AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize
}

macro_rules! tracked_already {
    ($([$($parameter:ident: $bound:ident)?] $type:ty),* $(,)?) => {$(
        impl<$($parameter: $bound)?> Shareable for $type {
            type Kind = Locks;
            type Stored = Self;

            fn into_stored(self) -> Self {
                self
            }
        }
    )*};
}

tracked_already! {
    [] sync::Counter, [T: State] sync::Mutex<T>, [T: State] sync::RwLock<T>,
}

impl<T: State + Clone> Shareable for sync::PerCore<T> {
    type Kind = Locks;
    type Stored = Self;

    fn into_stored(self) -> Self {
        self
    }
}

impl<T: Shareable> Shareable for Vec<T> {
    type Kind = T::Kind;
    type Stored = Vec<T::Stored>;

    fn into_stored(self) -> Self::Stored {
        self.into_iter().map(T::into_stored).collect()
    }
}

impl<T: Shareable, const N: usize> Shareable for [T; N] {
    type Kind = T::Kind;
    type Stored = [T::Stored; N];

    fn into_stored(self) -> Self::Stored {
        self.map(T::into_stored)
    }
}

impl<T: Shareable> Shareable for Option<T> {
    type Kind = T::Kind;
    type Stored = Option<T::Stored>;

    fn into_stored(self) -> Self::Stored {
        self.map(T::into_stored)
    }
}

impl<T: Shareable> Shareable for Box<T> {
    type Kind = T::Kind;
    type Stored = Box<T::Stored>;

    fn into_stored(self) -> Self::Stored {
        Box::new((*self).into_stored())
    }
}

/// Locks only: plain data behind an `Arc` could be reached without the cell that tracks it.
impl<T: Shareable<Kind = Locks>> Shareable for Arc<T> {
    type Kind = Locks;
    type Stored = Arc<T::Stored>;

    /// # Panics
    ///
    /// The `Arc` has other owners: they would go on using a lock that is not tracked.
    fn into_stored(self) -> Self::Stored {
        let Some(inner) = Arc::into_inner(self) else {
            panic!("an `Arc` given to a shared field has other owners; build the struct first, then share its field");
        };
        Arc::new(inner.into_stored())
    }
}
