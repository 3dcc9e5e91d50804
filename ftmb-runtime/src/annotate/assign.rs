//! What may stand on the left of an assignment: a plain field, and nothing else.
//!
//! Invariant: only a tracked cell can be assigned; for anything else the compiler says why not.

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
