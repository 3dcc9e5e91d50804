//! Static variables: state that code reaches without `self`, one copy for each instance.
//!
//! Invariant: a handle leads to the copy of the instance whose code runs on this thread, never to another one's. Copies have the
//! order of their sorted names, whatever order the linker found them in, so every process of a build numbers them alike.
//! Outside of any instance a handle leads nowhere, except in unit tests: there code that was written without ftmb is called as it
//! is, and finds one copy that belongs to the process.
//!
//! ```text
//! static SESSIONS: Static<..>   a handle: name, initialiser, index     one for the process
//!        │ linkme: STATICS
//!        ▼
//! Statics [ .. | SESSIONS's | .. ]   sorted by name                    one for each instance, walked after its root
//! ```

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use super::registry::{Shared, TableError};

/// All handles of the program: `#[ftmb::shared]` on a `static` adds one.
#[linkme::distributed_slice]
pub static STATICS: [&'static dyn Declared];

/// A handle, whatever it leads to.
pub trait Declared: Sync {
    /// Module path and name.
    fn name(&self) -> &'static str;
    /// Tells it its place among the copies of any instance.
    fn place(&self, index: usize);
    /// Evaluates the initialiser.
    fn copy(&self) -> Box<dyn InstanceCopy>;
}

/// One instance's copy of a static variable.
pub trait InstanceCopy: Shared + Any {}

impl<F: Shared + Any> InstanceCopy for F {}

/// A static variable of tracked state: leads to the copy of the current instance.
///
/// ```
/// use ftmb_runtime::sync::{Mutex, Static};
/// static SEEN: Static<Mutex<u64>> = Static::new("example::SEEN", || Mutex::new(0));
/// assert_eq!(SEEN.name(), "example::SEEN");
/// ```
pub struct Static<F> {
    name: &'static str,
    make: fn() -> F,
    index: OnceLock<usize>,
    /// The process's own copy, and whether there may be one.
    own: OnceLock<F>,
    in_tests: bool,
}

impl<F> Static<F> {
    /// A handle. `make` is called once for each instance.
    pub const fn new(name: &'static str, make: fn() -> F) -> Static<F> {
        Static { name, make, index: OnceLock::new(), own: OnceLock::new(), in_tests: false }
    }

    /// Whether outside of any instance it leads to one copy for the process, as a static without ftmb does, instead of to a panic.
    ///
    /// ```
    /// use ftmb_runtime::sync::{Mutex, Static};
    /// static SEEN: Static<Mutex<u64>> = Static::new("example::SEEN", || Mutex::new(0)).in_tests(true);
    /// *SEEN.lock().unwrap() += 1;
    /// assert_eq!(*SEEN.lock().unwrap(), 1);
    /// ```
    #[must_use]
    pub const fn in_tests(mut self, in_tests: bool) -> Static<F> {
        self.in_tests = in_tests;
        self
    }

    /// The variable's name: module path and name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl<F: Shared + Any> Declared for Static<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn place(&self, index: usize) {
        // The order is computed once, so a second call says the same.
        let _ = self.index.set(index);
    }

    fn copy(&self) -> Box<dyn InstanceCopy> {
        Box::new((self.make)())
    }
}

impl<F: Shared + Any> Deref for Static<F> {
    type Target = F;

    /// The current instance's copy; outside of any, in unit tests, the process's own.
    ///
    /// # Panics
    /// Outside of any instance, on a thread that neither runs a core nor constructs or reports on a middlebox, unless it was
    /// declared for unit tests ([`Static::in_tests`]).
    #[inline]
    #[track_caller]
    fn deref(&self) -> &F {
        let copy = self.index.get().zip(CURRENT.get()).and_then(|(index, statics)| statics.0.get(*index));
        let Some(copy) = copy else {
            if self.in_tests {
                return self.own.get_or_init(self.make);
            }
            outside(self.name)
        };
        let copy: &'static dyn Any = *copy;
        let Some(copy) = copy.downcast_ref() else { outside(self.name) };
        copy
    }
}

#[cold]
#[track_caller]
fn outside(name: &str) -> ! {
    panic!(
        "`{name}` was used outside of any instance: a shared static has one copy for each instance of a middlebox, and can be used \
         only while a middlebox is constructed, processes an input, or reports. help: in `main`, set what the constructor needs by \
         its arguments; in a test outside of the crate, send inputs to an `ftmb::testing::Group`"
    )
}

impl<F> fmt::Debug for Static<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Static").field("name", &self.name).finish_non_exhaustive()
    }
}

thread_local! {
    static CURRENT: Cell<Option<Statics>> = const { Cell::new(None) };
}

/// One instance's copies of all static variables of the program. They are never freed, since a `static` may be borrowed for as
/// long as the process lives; a process that makes many instances (a test) pays for those of each.
///
/// ```
/// use ftmb_runtime::sync::Statics;
/// let statics = Statics::new()?;
/// assert_eq!(statics.enter(|| 3), 3);
/// # Ok::<(), ftmb_runtime::sync::TableError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Statics(&'static [&'static dyn InstanceCopy]);

impl fmt::Debug for Statics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statics").field("variables", &self.0.len()).finish_non_exhaustive()
    }
}

impl Statics {
    /// Makes a copy of every static variable of the program, for a new instance.
    ///
    /// # Errors
    /// [`TableError::SameName`] if two have the same module path and name (two functions of a module that declare one each).
    pub fn new() -> Result<Statics, TableError> {
        let declared = declared();
        if let Some(pair) = declared.windows(2).find(|pair| pair[0].name() == pair[1].name()) {
            return Err(TableError::SameName { name: pair[0].name().into() });
        }
        let copies = declared.iter().map(|handle| -> &'static dyn InstanceCopy { Box::leak(handle.copy()) });
        Ok(Statics(copies.collect::<Vec<_>>().leak()))
    }

    /// Runs `work` as code of this instance: the handles lead to these copies on this thread.
    pub fn enter<R>(self, work: impl FnOnce() -> R) -> R {
        struct Reset(Option<Statics>);
        impl Drop for Reset {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _reset = Reset(CURRENT.replace(Some(self)));
        work()
    }

    /// Names and copies, in the order of the names.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'static str, &'static dyn Shared)> {
        declared().iter().zip(self.0).map(|(handle, copy)| -> (_, &'static dyn Shared) { (handle.name(), *copy) })
    }
}

/// The handles in the order of their names, each of which knows its place.
fn declared() -> &'static [&'static dyn Declared] {
    static SORTED: OnceLock<Vec<&'static dyn Declared>> = OnceLock::new();
    SORTED.get_or_init(|| {
        let mut handles = STATICS.to_vec();
        handles.sort_by_key(|handle| handle.name());
        handles.iter().enumerate().for_each(|(index, handle)| handle.place(index));
        handles
    })
}

#[cfg(test)]
mod tests {
    use super::super::{AtomicU64, Mutex};
    use super::*;

    static SECOND: Static<Mutex<u32>> = Static::new("tests::SECOND", || Mutex::new(2));
    static FIRST: Static<AtomicU64> = Static::new("tests::FIRST", || AtomicU64::new(1));

    #[linkme::distributed_slice(STATICS)]
    static ADD_SECOND: &'static dyn Declared = &SECOND;
    #[linkme::distributed_slice(STATICS)]
    static ADD_FIRST: &'static dyn Declared = &FIRST;

    #[test]
    fn copies_are_in_the_order_of_their_names_and_one_for_each_instance() {
        let (one, other) = (Statics::new().unwrap(), Statics::new().unwrap());
        assert_eq!(one.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["tests::FIRST", "tests::SECOND"]);
        let address = || &raw const *SECOND;
        assert_eq!(one.enter(address), one.enter(address));
        assert_ne!(one.enter(address), other.enter(address));
        assert_ne!(one.enter(|| other.enter(address)), one.enter(address));
    }

    #[test]
    fn in_unit_tests_the_process_has_a_copy_of_its_own() {
        static ALONE: Static<Mutex<u32>> = Static::new("tests::ALONE", || Mutex::new(1)).in_tests(true);
        *ALONE.lock().unwrap() += 1;
        assert_eq!(*ALONE.lock().unwrap(), 2);
    }

    #[test]
    #[should_panic(expected = "`tests::SECOND` was used outside of any instance")]
    fn outside_of_any_instance_a_handle_says_so() {
        let _ = SECOND.name();
        let _ = SECOND.peek();
    }
}
