//! Assignments to plain fields: `self.field = value`, `self.field += value`, `self.field.part = value`.
//!
//! Invariant: only a tracked cell can be assigned; for anything else the compiler says why not.

use std::ops::DerefMut;

use crate::state::State;
use crate::sync::{Tracked, TrackedMut};

/// A field that an assignment may change.
#[diagnostic::on_unimplemented(
    message = "this field of type `{Self}` cannot be assigned",
    label = "not a plain shared field",
    note = "a `#[ftmb(config)]` field never changes after construction: every replica builds the same one",
    note = "help: a lock, an atomic or a per-core field is changed through its own methods; drop `config` to make the \
            field shared state"
)]
pub trait Assignable {
    /// The field's type as written.
    type Value;
    /// An exclusive section.
    type Guard<'a>: DerefMut<Target = Self::Value>
    where
        Self: 'a;
    /// Replaces the value.
    fn assign(&self, value: Self::Value);
    /// Begins an exclusive section.
    fn update(&self) -> Self::Guard<'_>;
}

impl<T: State> Assignable for Tracked<T> {
    type Value = T;
    type Guard<'a> = TrackedMut<'a, T>;

    #[inline]
    #[track_caller]
    fn assign(&self, value: T) {
        self.set(value);
    }

    #[inline]
    #[track_caller]
    fn update(&self) -> TrackedMut<'_, T> {
        self.write()
    }
}

/// `self.field = value`.
#[inline]
#[track_caller]
pub fn assign<C: Assignable>(cell: &C, value: C::Value) {
    cell.assign(value);
}

/// The place that `self.field += value` and `self.field.part = value` change.
#[inline]
#[track_caller]
pub fn update<C: Assignable>(cell: &C) -> C::Guard<'_> {
    cell.update()
}
