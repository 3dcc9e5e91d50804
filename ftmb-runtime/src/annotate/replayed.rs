//! What takes the place of std's hash maps inside a method.
//!
//! Invariant: a map whose order of iteration is random, or not known to be the same in every process, has no counterpart
//! here, so that naming it does not compile.

use std::hash::RandomState;

use crate::collections::{HashMap, HashSet};

/// A map or set that may be used in packet code, in its own or in ftmb's shape.
///
/// The macros write `<HashMap<K, V> as Replayed>::Type` where the user wrote `HashMap<K, V>`, so the type that the name
/// really stands for decides.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may iterate in another order when a packet is replayed",
    label = "neither std's nor ftmb's",
    note = "help: use `ftmb::collections::HashMap` and `HashSet`, or a `BTreeMap`"
)]
pub trait Replayed {
    /// What takes its place.
    type Type;
    /// An empty one.
    fn new() -> Self::Type;
    /// An empty one with room for so many entries.
    fn with_capacity(capacity: usize) -> Self::Type;
    /// An empty one, as its `Default`.
    fn default() -> Self::Type {
        Self::new()
    }
}

macro_rules! replayed {
    ($([$($parameter:ident),*] $named:ty => $type:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($parameter),*> Replayed for $named {
            type Type = $type;

            fn new() -> $type {
                <$type>::new()
            }

            fn with_capacity(capacity: usize) -> $type {
                <$type>::with_capacity(capacity)
            }
        }
    )*};
}

replayed! {
    [K, V] std::collections::HashMap<K, V, RandomState> => HashMap<K, V>;
    [T] std::collections::HashSet<T, RandomState> => HashSet<T>;
    [K, V] HashMap<K, V> => HashMap<K, V>;
    [T] HashSet<T> => HashSet<T>;
}

/// A map or set of std whose order of iteration is random.
pub trait RandomOrder {}

impl<K, V> RandomOrder for std::collections::HashMap<K, V, RandomState> {}
impl<T> RandomOrder for std::collections::HashSet<T, RandomState> {}
impl<M: RandomOrder> RandomOrder for std::sync::Arc<M> {}
impl<M: RandomOrder> RandomOrder for Box<M> {}

/// A map or set that is gone through in the same order in every process. Asked of fields with a [`RandomOrder`], so never
/// fulfilled.
#[diagnostic::on_unimplemented(
    message = "this field of type `{Self}` is gone through in random order",
    label = "another order in the process that takes over",
    note = "help: hold `ftmb::collections::HashMap` or `HashSet`, or a `BTreeMap`; looking up single keys is fine"
)]
pub trait SameOrder {}
