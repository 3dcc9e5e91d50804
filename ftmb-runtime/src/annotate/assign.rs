//! What may stand on the left of an assignment: a plain field, and nothing else.
//!
//! Invariant: only a tracked cell can be assigned, and only while it is not held; otherwise the compiler says why not.

use crate::state::State;
use crate::sync::Tracked;

/// A field that an assignment may change. [`ViaReference`](super::ViaReference) asks it of every field that is no tracked
/// cell, so that the compiler's answer is this message.
#[diagnostic::on_unimplemented(
    message = "this field of type `{Self}` cannot be assigned",
    label = "not a plain shared field",
    note = "a `#[ftmb(config)]` field never changes after construction: every replica builds the same one",
    note = "help: a lock, an atomic or a per-core field is changed through its own methods; drop `config` to make the \
            field shared state"
)]
pub trait Assignable {}

#[diagnostic::do_not_recommend]
impl<T: State> Assignable for Tracked<T> {}

/// A plain field that may be assigned in the body of the `match`, `if let` or `while let` that looks at it: one that is copied
/// for the head. Any other type is held by the head until the body ends.
#[diagnostic::on_unimplemented(
    message = "this field of type `{Self}` is assigned in the body of the `match` or `let` that looks at it here",
    label = "held until the body ends, so the assignment would wait for itself",
    note = "a plain field whose type is `Copy` is copied instead, and may be assigned",
    note = "help: look at a copy: `let value = self.field.clone();` in a statement before, and match on `value`"
)]
pub trait AssignedInBody {}

#[diagnostic::do_not_recommend]
impl<T: Copy> AssignedInBody for T {}

/// A plain field that may be lent to the body of a `match`, `if let` or `for` which touches shared state and cannot get a copy
/// of it: what is `Clone` and not changed through the loan is copied. There is none.
#[diagnostic::on_unimplemented(
    message = "this plain field of type `{Self}` is lent to a body that touches shared state",
    label = "held over the accesses in the body, so two cores could wait for each other",
    note = "help: if the body only reads it, make `{Self}` `Clone`: the body then gets a copy",
    note = "help: if the body changes it, take what the body needs of other fields out with `let` before, or put the field into a \
            `Mutex` or `RwLock`, and hold its guard as long as you choose"
)]
pub trait LentToBody {}
