//! The question that a rewritten expression asks of a field: what are you, and how are you reached?
//!
//! Invariant: `Probe::new(&self.field).__ftmb_access()` always gives something that dereferences to the field's type as
//! written. Which of the three methods of that name it is, the compiler decides by how far it must borrow the probe:
//!
//! ```text
//! Probe<Tracked<T>>, T: Copy    inherent, by value     CopyCell    reads copy the value and hold nothing
//! Probe<Tracked<T>>             ViaGuard, by value     GuardCell   a guard, as long as the cell lives
//! Probe<std's Instant, locks>   inherent, by value     refused     another one in every process
//! Probe<anything>               ViaReference, by &     &'a F       the field itself, lifetime intact
//! ```

use super::{
    Assignable, AssignedInBody, CopyCell, Foreign, GuardCell, Lent, LentToBody, PeekCell, Portable, RandomOrder,
    SameOrder,
};
use crate::state::State;
use crate::sync::{Tracked, TrackedMut};

/// A field of `self`, before it is known what it is.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::annotate::{Probe, ViaGuard as _, ViaReference as _};
///
/// let name = String::from("outside");
/// let reached: &str = Probe::new(&name).__ftmb_access();
/// assert_eq!(reached, "outside");
/// ```
#[derive(Debug)]
pub struct Probe<'a, F: ?Sized>(&'a F);

impl<'a, F: ?Sized> Probe<'a, F> {
    /// Points the probe at a field.
    #[inline(always)]
    #[must_use]
    pub fn new(field: &'a F) -> Self {
        Self(field)
    }
}

impl<'a, T: State + Copy> Probe<'a, Tracked<T>> {
    /// Reaches a plain field of a `Copy` type.
    #[inline(always)]
    #[must_use]
    pub fn __ftmb_access(self) -> CopyCell<'a, T> {
        CopyCell::new(self.0)
    }

    /// Reaches it where it is assigned while the access lives.
    #[inline(always)]
    #[must_use]
    pub fn __ftmb_matched(self) -> CopyCell<'a, T> {
        CopyCell::new(self.0)
    }
}

impl<'a, T: State + Clone> Probe<'a, Tracked<T>> {
    /// Reaches a copy of a plain field, where it is lent to a body that touches shared state.
    #[inline(always)]
    #[must_use]
    pub fn __ftmb_lent_copy(self) -> Lent<'a, T> {
        Lent::new(self.0)
    }

    /// Reaches a copy of it, where it is itself what a body that touches shared state looks at.
    #[inline(always)]
    #[must_use]
    pub fn __ftmb_seen(self) -> Lent<'a, T> {
        Lent::new(self.0)
    }
}

impl<'a, T: Foreign> Probe<'a, T> {
    /// Never compiles: what it holds differs between processes, or changes unseen.
    #[must_use]
    pub fn __ftmb_access(self) -> &'a T
    where
        T: Portable,
    {
        self.0
    }
}

impl<T: RandomOrder> Probe<'_, T> {
    /// Never compiles: the order of iteration differs between processes.
    #[must_use]
    pub fn __ftmb_ordered(self) -> Self
    where
        T: SameOrder,
    {
        self
    }
}

/// Asks of a field whose entries are gone through in their order: any but std's hash maps.
pub trait Iterated: Sized {
    /// The probe itself.
    #[inline(always)]
    #[must_use]
    fn __ftmb_ordered(self) -> Self {
        self
    }
}

impl<F: ?Sized> Iterated for Probe<'_, F> {}

/// Reaches a plain field of any type.
pub trait ViaGuard {
    /// What dereferences to the field's value.
    type Access;
    /// What dereferences to the field's value, for `report`.
    type Peek;
    /// Reaches the field from packet code.
    fn __ftmb_access(self) -> Self::Access;
    /// The field's type as written.
    type Value;
    /// Reaches the field where it is assigned while the access lives: never compiles for what is not copied.
    fn __ftmb_matched(self) -> Self::Access
    where
        Self::Value: AssignedInBody;
    /// Reaches the field where it is lent to a body that touches shared state: never compiles.
    fn __ftmb_lent(self) -> Self::Access
    where
        Self::Value: LentToBody;
    /// As [`__ftmb_lent`](Self::__ftmb_lent), of what would be copied if it could be.
    fn __ftmb_lent_copy(self) -> Self::Access
    where
        Self::Value: LentToBody;
    /// Reaches the field where a body that touches shared state looks at it: held over the body, since it cannot be copied.
    fn __ftmb_seen(self) -> Self::Access;
    /// Looks at the field from `report`, without counting.
    fn __ftmb_peek(self) -> Self::Peek;
    /// What dereferences to the place that an assignment changes.
    type Update;
    /// Begins an exclusive section for an assignment.
    fn __ftmb_update(self) -> Self::Update;
}

impl<'a, T: State> ViaGuard for Probe<'a, Tracked<T>> {
    type Access = GuardCell<'a, T>;
    type Peek = PeekCell<'a, T>;

    #[inline(always)]
    fn __ftmb_access(self) -> GuardCell<'a, T> {
        GuardCell::new(self.0)
    }

    type Value = T;

    fn __ftmb_matched(self) -> GuardCell<'a, T>
    where
        T: AssignedInBody,
    {
        GuardCell::new(self.0)
    }

    fn __ftmb_lent(self) -> GuardCell<'a, T>
    where
        T: LentToBody,
    {
        GuardCell::new(self.0)
    }

    fn __ftmb_lent_copy(self) -> GuardCell<'a, T>
    where
        T: LentToBody,
    {
        GuardCell::new(self.0)
    }

    #[inline(always)]
    fn __ftmb_seen(self) -> GuardCell<'a, T> {
        GuardCell::new(self.0)
    }

    #[inline(always)]
    #[track_caller]
    fn __ftmb_peek(self) -> PeekCell<'a, T> {
        PeekCell::new(self.0)
    }

    type Update = TrackedMut<'a, T>;

    #[inline(always)]
    #[track_caller]
    fn __ftmb_update(self) -> TrackedMut<'a, T> {
        self.0.write()
    }
}

/// Reaches everything else: locks, atomics, configuration.
pub trait ViaReference {
    /// The field's type.
    type Field: ?Sized;
    /// A reference to the field.
    type Place;
    /// Reaches the field from packet code.
    fn __ftmb_access(self) -> Self::Place;
    /// As [`__ftmb_access`](Self::__ftmb_access): such a field is not held by looking at it.
    fn __ftmb_matched(self) -> Self::Place;
    /// As [`__ftmb_access`](Self::__ftmb_access): such a field may be lent.
    fn __ftmb_lent(self) -> Self::Place;
    /// As [`__ftmb_lent`](Self::__ftmb_lent).
    fn __ftmb_lent_copy(self) -> Self::Place;
    /// As [`__ftmb_lent`](Self::__ftmb_lent).
    fn __ftmb_seen(self) -> Self::Place;
    /// Reaches the field from `report`.
    fn __ftmb_peek(self) -> Self::Place;
    /// Never compiles: nothing but a plain shared field is assigned.
    fn __ftmb_update(self) -> Self::Place
    where
        Self::Field: Assignable;
}

impl<'a, F: ?Sized> ViaReference for &Probe<'a, F> {
    type Field = F;
    type Place = &'a F;

    #[inline(always)]
    fn __ftmb_access(self) -> &'a F {
        self.0
    }

    #[inline(always)]
    fn __ftmb_matched(self) -> &'a F {
        self.0
    }

    #[inline(always)]
    fn __ftmb_lent(self) -> &'a F {
        self.0
    }

    #[inline(always)]
    fn __ftmb_lent_copy(self) -> &'a F {
        self.0
    }

    #[inline(always)]
    fn __ftmb_seen(self) -> &'a F {
        self.0
    }

    #[inline(always)]
    fn __ftmb_peek(self) -> &'a F {
        self.0
    }

    fn __ftmb_update(self) -> &'a F
    where
        F: Assignable,
    {
        self.0
    }
}
