//! How the runtime finds the variables of a middlebox: a walk over its shared state that gives each a dense id and a name.
//!
//! Invariant: ids follow the order of the walk, which depends on the state's structure only, so every process of a group that
//! builds the same state gives the same ids. The table's pointers stay valid because the table owns the root, and copies of statics
//! are never freed.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Mutex as StdMutex;

use super::statics::Statics;
use super::variable::Variable;
use crate::determinant::MAX_VARIABLE;
use crate::state::{Extent, Layout, Piece, PieceWriter, Place, StateError};

/// Implemented by tracked types, containers of them and `#[ftmb::shared]` structs: shows the variables inside, in a fixed order.
///
/// ```
/// use ftmb_runtime::sync::{Mutex, Shared, Walker};
/// struct Pair { left: Mutex<u32>, right: Vec<Mutex<u32>> }
/// impl Shared for Pair {
///     fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
///         walker.field("left", &self.left);
///         walker.field("right", &self.right);
///     }
/// }
/// let pair = Pair { left: Mutex::new(1), right: vec![Mutex::new(2), Mutex::new(3)] };
/// let mut walker = Walker::new();
/// pair.walk(&mut walker);
/// assert_eq!(walker.names().collect::<Vec<_>>(), ["left", "right[0]", "right[1]"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the shared state of a middlebox",
    label = "neither a struct with `#[ftmb::shared]` nor a tracked type",
    note = "help: if it is a struct, put `#[ftmb::shared]` on it, and `#[ftmb::middlebox]` on each of its `impl` blocks",
    note = "help: where it is a type parameter or a trait object, require `Shared`: `trait Policy: ftmb::sync::Shared`"
)]
pub trait Shared: Send + Sync {
    /// Shows every variable inside to the walker.
    fn walk<'a>(&'a self, walker: &mut Walker<'a>);
}

/// Collects the variables of a walk.
#[derive(Default)]
pub struct Walker<'a> {
    path: String,
    found: Vec<(String, &'a dyn Variable)>,
}

impl fmt::Debug for Walker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walker").field("found", &self.found.len()).finish_non_exhaustive()
    }
}

impl<'a> Walker<'a> {
    /// A walker that has seen nothing.
    pub fn new() -> Walker<'a> {
        Walker::default()
    }

    /// Goes into a field.
    pub fn field(&mut self, name: &str, value: &'a dyn Shared) {
        let len = self.path.len();
        if len != 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        value.walk(self);
        self.path.truncate(len);
    }

    /// Goes into an element.
    pub fn index(&mut self, i: usize, value: &'a dyn Shared) {
        let len = self.path.len();
        self.path.push_str(&format!("[{i}]"));
        value.walk(self);
        self.path.truncate(len);
    }

    /// The names found so far, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.found.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn variable(&mut self, variable: &'a dyn Variable) {
        self.found.push((self.path.clone(), variable));
    }
}

macro_rules! containers {
    ($($ty:ty, ($($generics:tt)*);)*) => {$(
        impl<$($generics)*> Shared for $ty {
            fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
                for (i, element) in self.iter().enumerate() {
                    walker.index(i, element);
                }
            }
        }
    )*};
}

containers! {
    Vec<T>, (T: Shared);
    [T; N], (T: Shared, const N: usize);
    Option<T>, (T: Shared);
}

impl<T: Shared + ?Sized> Shared for Box<T> {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        (**self).walk(walker);
    }
}

impl<T: Shared + ?Sized> Shared for std::sync::Arc<T> {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        (**self).walk(walker);
    }
}

/// Why the state of a middlebox cannot be tracked or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// More variables than a determinant can name.
    #[error("expected at most {MAX_VARIABLE} tracked variables, found {found}")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// One variable was found twice (an `Arc` in two places) or belongs to another instance.
    #[error("`{name}` is in the shared state twice or belongs to another instance; expected each variable once")]
    Shared {
        /// Its second name.
        name: String,
    },
    /// Two shared statics cannot be told apart.
    #[error("expected one shared static called `{name}`, found two")]
    SameName {
        /// Module path and name of both.
        name: String,
    },
    /// A piece does not fit the variable it is for.
    #[error("`{name}` (v{id}): the saved state does not fit")]
    State {
        /// The variable.
        id: u32,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: StateError,
    },
    /// A saved variable that this state does not have.
    #[error("expected a variable below {variables}, found v{id}")]
    Unknown {
        /// The id found.
        id: u32,
        /// How many there are.
        variables: usize,
    },
}

/// A middlebox and the table of its variables.
pub struct Table<M> {
    /// From a box, freed in `Drop`; a box itself would claim to be the only way to what `entries` point into.
    root: NonNull<M>,
    statics: Option<Statics>,
    names: Vec<Box<str>>,
    entries: Vec<Entry>,
    layout: u64,
}

struct Entry {
    variable: *const dyn Variable,
    place: StdMutex<Place>,
}

// SAFETY: the pointers are to and into what the table owns, or to copies of statics, which are never freed, and `Variable: Send + Sync`. Test: the compiler's for `M`; `a_table_moves_between_threads`.
unsafe impl<M: Send> Send for Table<M> {}
// SAFETY: as above; everything reached through the pointers is `Sync`.
unsafe impl<M: Sync> Sync for Table<M> {}

impl<M> Drop for Table<M> {
    fn drop(&mut self) {
        drop(Root(self.root));
    }
}

/// Owns what a table's root points to.
struct Root<M>(NonNull<M>);

impl<M> Drop for Root<M> {
    fn drop(&mut self) {
        // SAFETY: from a box in `Table::new`, freed once: by the guard there if the walk fails, else by the table.
        // Test: `a_table_moves_between_threads` (leaks and double frees show under address checks).
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl<M> fmt::Debug for Table<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("variables", &self.entries.len()).finish_non_exhaustive()
    }
}

impl<M: Shared> Table<M> {
    /// Walks the state and gives every variable its id; per-core state gets a copy for each core.
    ///
    /// # Errors
    /// [`TableError::TooMany`], [`TableError::Shared`].
    pub fn new(root: M, cores: usize) -> Result<Table<M>, TableError> {
        Table::walk(root, None, cores)
    }

    /// As [`new`](Self::new); the instance's copies of static variables come after the root.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_statics(root: M, statics: Statics, cores: usize) -> Result<Table<M>, TableError> {
        Table::walk(root, Some(statics), cores)
    }

    fn walk(root: M, statics: Option<Statics>, cores: usize) -> Result<Table<M>, TableError> {
        let table_root = Root(NonNull::from(Box::leak(Box::new(root))));
        // SAFETY: just made, and freed by `Root` or `Table` only. Test: `a_table_moves_between_threads`.
        let root = unsafe { table_root.0.as_ref() };
        let mut walker = Walker::new();
        root.walk(&mut walker);
        for (name, copy) in statics.into_iter().flat_map(Statics::iter) {
            walker.field(name, copy);
        }
        if walker.found.len() > MAX_VARIABLE as usize {
            return Err(TableError::TooMany { found: walker.found.len() });
        }
        let mut layout = Layout::new();
        let mut names = Vec::new();
        let mut entries = Vec::new();
        for (id, (name, variable)) in walker.found.into_iter().enumerate() {
            if variable.head().is_assigned() {
                return Err(TableError::Shared { name });
            }
            variable.assign(id as u32, &name, cores);
            layout.token(&name);
            variable.layout(&mut layout);
            names.push(name.into_boxed_str());
            let variable: *const dyn Variable = variable;
            entries.push(Entry { variable: erase(variable), place: StdMutex::new(Place::new()) });
        }
        let root = table_root.0;
        std::mem::forget(table_root);
        Ok(Table { root, statics, names, entries, layout: layout.finish() })
    }
}

/// Forgets the borrow of the root; see the invariant of [`Table`].
fn erase<'a>(variable: *const (dyn Variable + 'a)) -> *const (dyn Variable + 'static) {
    // SAFETY: only the lifetime bound of the trait object changes; the pointer is dereferenced only in `Table::variable`, which
    // borrows the table and with it the boxed root. Test: `a_table_moves_between_threads`.
    unsafe { std::mem::transmute(variable) }
}

impl<M> Table<M> {
    /// The middlebox.
    pub fn root(&self) -> &M {
        // SAFETY: alive until `Drop`, and only ever borrowed shared. Test: `a_table_moves_between_threads`.
        unsafe { self.root.as_ref() }
    }

    /// Runs `work` as code of this instance: static variables lead to its copies on this thread.
    pub fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        match self.statics {
            Some(statics) => statics.enter(work),
            None => work(),
        }
    }

    /// How many variables there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The name of a variable, by field path.
    pub fn name(&self, id: u32) -> Option<&str> {
        self.names.get(id as usize).map(|name| &**name)
    }

    /// Hash of names and types: equal in every process that builds the same state.
    pub fn layout(&self) -> u64 {
        self.layout
    }

    fn variable(&self, id: usize) -> &dyn Variable {
        // SAFETY: points to a static's copy, which is never freed, or into the boxed root, which lives and stays put as long as the
        // table; neither is borrowed mutably after the walk. Test: `a_table_moves_between_threads`.
        unsafe { &*self.entries[id].variable }
    }

    fn known(&self, id: u32) -> Result<&dyn Variable, TableError> {
        let variables = self.entries.len();
        if (id as usize) < variables {
            Ok(self.variable(id as usize))
        } else {
            Err(TableError::Unknown { id, variables })
        }
    }

    /// Sections entered and `base`; `None` for what commutes or is per core.
    pub fn counts(&self, id: u32) -> Option<(u32, u32)> {
        self.variable(id as usize).counts()
    }

    /// Whether the variable's accesses are ordered by determinants (it has counts).
    pub fn is_ordered(&self, id: u32) -> bool {
        self.counts(id).is_some()
    }

    /// Sets the counts to a checkpoint's.
    ///
    /// # Errors
    /// [`TableError::Unknown`].
    pub fn set_counts(&self, id: u32, acquired: u32, base: u32) -> Result<(), TableError> {
        self.known(id)?.head().set_counts(acquired, base);
        Ok(())
    }

    /// Appends the pieces of a variable that changed since its last capture (or all). No core may be inside the variable.
    ///
    /// # Errors
    /// [`TableError::State`] if a value refuses to be encoded.
    pub fn capture(&self, id: u32, extent: Extent, out: &mut Vec<u8>) -> Result<(), TableError> {
        let entry = &self.entries[id as usize];
        let mut place = entry.place.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut writer = PieceWriter::new(out, &mut place);
        self.variable(id as usize).capture(extent, &mut writer);
        writer.finish().map_err(|source| self.misfit(id, source))
    }

    /// Notes that the state is what the latest committed checkpoint holds: the next capture needs only what changes from now.
    pub fn adopt(&self) {
        for (id, entry) in self.entries.iter().enumerate() {
            let mut place = entry.place.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let variable = self.variable(id);
            variable.capture(Extent::All, &mut PieceWriter::adopting(&mut place));
        }
    }

    /// Restores one piece of a variable.
    ///
    /// # Errors
    /// [`TableError::Unknown`], [`TableError::State`].
    pub fn restore(&self, id: u32, piece: Piece<'_>) -> Result<(), TableError> {
        self.known(id)?.restore(piece).map_err(|source| self.misfit(id, source))
    }

    /// Ends a batch of pieces of a variable.
    ///
    /// # Errors
    /// [`TableError::Unknown`], [`TableError::State`].
    pub fn restored(&self, id: u32) -> Result<(), TableError> {
        self.known(id)?.restored().map_err(|source| self.misfit(id, source))
    }

    fn misfit(&self, id: u32, source: StateError) -> TableError {
        TableError::State { id, name: self.name(id).unwrap_or("?").into(), source }
    }
}
