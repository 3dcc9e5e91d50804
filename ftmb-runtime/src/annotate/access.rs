//! What stands in an expression in the place of a plain field.
//!
//! Invariant: nothing is acquired before the first dereference; a shared section becomes exclusive only by ending first,
//! and a [`CopyCell`] that is only read holds no section at all.

use std::cell::OnceCell;
use std::ops::{Deref, DerefMut};

use crate::state::State;
use crate::sync::{RwLockPeek, Tracked, TrackedMut, TrackedRef};

/// A plain field of a `Copy` type: read by value, changed through an exclusive section.
#[derive(Debug)]
pub struct CopyCell<'a, T: State + Copy> {
    cell: &'a Tracked<T>,
    value: OnceCell<T>,
    write: Option<TrackedMut<'a, T>>,
}

impl<'a, T: State + Copy> CopyCell<'a, T> {
    #[inline(always)]
    pub(super) fn new(cell: &'a Tracked<T>) -> Self {
        Self { cell, value: OnceCell::new(), write: None }
    }

    /// Reads the value now, before the operands of the method that it is the receiver of.
    #[inline]
    #[track_caller]
    pub fn __ftmb_receive(&self) {
        let _: &T = self;
    }
}

/// Whatever else a method is called on stays as it is until the call: only [`CopyCell`] is taken by value.
pub trait Received {
    /// Nothing.
    #[inline(always)]
    fn __ftmb_receive(&self) {}
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized> Received for T {}

impl<T: State + Copy> Deref for CopyCell<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        if let Some(guard) = &self.write {
            return guard;
        }
        if let Some(value) = self.value.get() {
            return value;
        }
        let value = self.cell.get();
        self.value.get_or_init(|| value)
    }
}

impl<T: State + Copy> DerefMut for CopyCell<'_, T> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        let guard = match self.write.take() {
            Some(guard) => guard,
            None => self.cell.write(),
        };
        self.write.insert(guard)
    }
}

/// A plain field of any type: reached through a guard that ends with this value.
#[derive(Debug)]
pub struct GuardCell<'a, T: State> {
    cell: &'a Tracked<T>,
    read: OnceCell<TrackedRef<'a, T>>,
    write: Option<TrackedMut<'a, T>>,
}

impl<'a, T: State> GuardCell<'a, T> {
    #[inline(always)]
    pub(super) fn new(cell: &'a Tracked<T>) -> Self {
        Self { cell, read: OnceCell::new(), write: None }
    }
}

impl<T: State> Deref for GuardCell<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        if let Some(guard) = &self.write {
            return guard;
        }
        if let Some(guard) = self.read.get() {
            return guard;
        }
        let guard = self.cell.read();
        self.read.get_or_init(|| guard)
    }
}

impl<T: State> DerefMut for GuardCell<'_, T> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        drop(self.read.take());
        let guard = match self.write.take() {
            Some(guard) => guard,
            None => self.cell.write(),
        };
        self.write.insert(guard)
    }
}

/// A copy of a plain field, taken in a section of its own when it is first looked at: for a body that touches shared state, over
/// which no section may be held.
#[derive(Debug)]
pub struct Lent<'a, T: State + Clone> {
    cell: &'a Tracked<T>,
    value: OnceCell<T>,
}

impl<'a, T: State + Clone> Lent<'a, T> {
    #[inline(always)]
    pub(super) fn new(cell: &'a Tracked<T>) -> Self {
        Self { cell, value: OnceCell::new() }
    }
}

impl<T: State + Clone> Deref for Lent<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        if let Some(value) = self.value.get() {
            return value;
        }
        let value = self.cell.read().clone();
        self.value.get_or_init(|| value)
    }
}

/// A plain field seen from `report`: looked at without counting, never changed.
#[derive(Debug)]
pub struct PeekCell<'a, T: State>(RwLockPeek<'a, T>);

impl<'a, T: State> PeekCell<'a, T> {
    #[inline]
    #[track_caller]
    pub(super) fn new(cell: &'a Tracked<T>) -> Self {
        Self(cell.peek())
    }
}

impl<T: State> Deref for PeekCell<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
