//! From the type of a field as written to the type of the field as compiled.
//!
//! Invariant: the mapping is a function of the type alone; a type that it does not cover is a compile error that says
//! what to write instead.

use crate::state::{Piece, State, StateError};
use crate::sync::{PerCore, Shared, Static, Tracked};

/// The kind of plain data: the runtime puts it into a [`Tracked`] cell.
#[derive(Debug)]
pub enum Value {}

/// The kind of locks, atomics and whatever else guards its own data: the runtime tracks each of them by itself.
#[derive(Debug)]
pub enum Locks {}

/// A type that may be written as the field of a `#[ftmb::shared]` struct.
///
/// `#[ftmb::state]` and `#[derive(State)]` implement it along with [`State`].
///
/// # Examples
///
/// ```
/// use ftmb_runtime::annotate::{Shareable, Value};
///
/// fn stored<T: Shareable<Kind = Value>>(value: T) -> T::Stored {
///     value.into_stored()
/// }
/// assert_eq!(stored(vec![1u32, 2]), [1, 2]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared state of a middlebox",
    label = "neither a lock that ftmb tracks nor `State`: replay could not restore it",
    note = "help: annotate your own type with `#[ftmb::state]` (data) or `#[ftmb::shared]` (a struct of locks)",
    note = "help: mark a field that never changes after construction with `#[ftmb(config)]`",
    note = "help: keep a point in time as `ftmb::time::Instant` or `ftmb::time::SystemTime`",
    note = "help: take types of `parking_lot` and `hashbrown` from `ftmb::parking_lot` and `ftmb::hashbrown`"
)]
pub trait Shareable: Sized {
    /// [`Value`] or [`Locks`]; containers have the kind of what they contain.
    type Kind;
    /// What takes the value's place: itself, or the tracked type of the same shape.
    type Stored;
    /// Moves a freshly constructed value into its tracked shape.
    fn into_stored(self) -> Self::Stored;
}

/// How a kind turns what is stored into a field. Implemented by [`Value`] and [`Locks`].
#[diagnostic::on_unimplemented(
    message = "`{S}` cannot be shared state of a middlebox",
    label = "replay could not restore it",
    note = "help: put data that is `State` here, or inside a `Mutex` or `RwLock`"
)]
pub trait TrackAs<S> {
    /// The type of the field.
    type Field: Shared;
    /// Makes the field.
    fn track(stored: S) -> Self::Field;
}

impl<S: State> TrackAs<S> for Value {
    type Field = Tracked<S>;

    fn track(stored: S) -> Tracked<S> {
        Tracked::new(stored)
    }
}

impl<S: Shared> TrackAs<S> for Locks {
    type Field = S;

    fn track(stored: S) -> S {
        stored
    }
}

/// The type that a field declared as `F` has after `#[ftmb::shared]`.
pub type Field<F> = <<F as Shareable>::Kind as TrackAs<<F as Shareable>::Stored>>::Field;

/// The type that a field declared as `F` and marked `#[ftmb(per_core)]` has after `#[ftmb::shared]`.
pub type PerCoreField<F> = PerCore<<F as Shareable>::Stored>;

/// Makes the field of a shared struct from the value that the user's literal gives.
pub fn track<F>(value: F) -> Field<F>
where
    F: Shareable,
    F::Kind: TrackAs<F::Stored>,
{
    <F::Kind as TrackAs<F::Stored>>::track(value.into_stored())
}

/// Makes a per-core field of a shared struct from the value that the user's literal gives.
pub fn track_per_core<F>(value: F) -> PerCoreField<F>
where
    F: Shareable<Kind = Value>,
    F::Stored: State + Clone,
{
    PerCore::new(value.into_stored())
}

/// How a kind turns what is stored into a static variable. Implemented by [`Locks`] only: a `static` of plain data never
/// changes.
#[diagnostic::on_unimplemented(
    message = "a shared static of type `{S}` could never change",
    label = "neither a lock, nor an atomic, nor a struct or container of them",
    note = "help: wrap what changes in a `Mutex` or `RwLock`, or use an atomic; drop `#[ftmb::shared]` from a constant"
)]
pub trait StaticAs<S> {
    /// What each instance has a copy of.
    type Copy: Shared + 'static;
    /// Makes a copy.
    fn copy(stored: S) -> Self::Copy;
}

impl<S: Shared + 'static> StaticAs<S> for Locks {
    type Copy = S;

    fn copy(stored: S) -> S {
        stored
    }
}

/// The copy that each instance has of a `static` declared as `F`.
pub type StaticCopy<F> = <<F as Shareable>::Kind as StaticAs<<F as Shareable>::Stored>>::Copy;

/// The type that a `static` declared as `F` has after `#[ftmb::shared]`: the handle to the current instance's copy.
pub type StaticField<F> = Static<StaticCopy<F>>;

/// Data that may be written inside a lock: `State`, or a type of std that ftmb has its own version of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept inside a lock of a middlebox",
    label = "not `State`: replay could not restore it",
    note = "help: annotate your own type with `#[ftmb::state]`; locks do not go inside locks"
)]
pub trait Storable: Shareable<Kind = Value, Stored: State> {}

#[diagnostic::do_not_recommend]
impl<T: Shareable<Kind = Value, Stored: State>> Storable for T {}

/// Data that is stored as it is written: what a type parameter of a shared struct has to be.
///
/// Every type with `#[ftmb::state]` is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a type parameter of shared state",
    label = "not plain `State`",
    note = "help: for data, require `{Self}: State` where the parameter is declared, or annotate the type with `#[ftmb::state]`",
    note = "help: for a struct of locks, mark the field `#[ftmb(shared)]` and require `{Self}: ftmb::sync::Shared`"
)]
pub trait Plain: State + Shareable<Kind = Value, Stored = Self> {}

#[diagnostic::do_not_recommend]
impl<T: State + Shareable<Kind = Value, Stored = T>> Plain for T {}

/// The type of a field of derived `State`, unchanged: naming it as `<F as Held>::Type` makes the compiler report a field
/// that is not `State` once.
pub trait Held {
    /// The type itself.
    type Type: State;
}

impl<T: State> Held for T {
    type Type = T;
}

/// A struct with `#[ftmb::shared]`; asserted by `#[ftmb::middlebox]` so that a forgotten attribute is named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has `#[ftmb::middlebox]` methods but is not shared state",
    label = "the struct lacks `#[ftmb::shared]`",
    note = "help: put `#[ftmb::shared]` on the struct"
)]
pub trait Annotated {}

#[diagnostic::do_not_recommend]
impl<T: Shared> Annotated for T {}

/// The error of a derived `State` for a piece that belongs to none of the type's fields.
#[must_use]
pub fn unknown_piece<T>(piece: Piece<'_>) -> StateError {
    StateError::UnknownKey {
        type_name: std::any::type_name::<T>(),
        expected: "the index of a field first",
        key: piece.key().to_vec(),
    }
}
