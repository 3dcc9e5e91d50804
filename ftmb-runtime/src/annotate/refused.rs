//! What a field becomes whose type was refused, so that the refusal is the only error.
//!
//! Invariant: a program that contains one does not compile, because the macro that writes it also writes an error.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Stands for a field of type `T` behind an error: may cross threads whatever `T` is.
pub struct Refused<T>(PhantomData<fn() -> T>);

impl<T> Refused<T> {
    /// Takes the place of `value`.
    pub fn new(value: T) -> Self {
        drop(value);
        Self(PhantomData)
    }
}

impl<T> Deref for Refused<T> {
    type Target = T;

    fn deref(&self) -> &T {
        unreachable!("a refused field is reached only in a program that does not compile")
    }
}

impl<T> DerefMut for Refused<T> {
    fn deref_mut(&mut self) -> &mut T {
        unreachable!("a refused field is reached only in a program that does not compile")
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refused")
    }
}
