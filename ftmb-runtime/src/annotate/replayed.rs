//! What takes the place of std's hash maps inside a method.
//!
//! Invariant: a map whose order of iteration is random, or not known to be the same in every process, has no counterpart
//! here, so that naming it does not compile.

use std::hash::{BuildHasherDefault, RandomState};

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
}

#[diagnostic::do_not_recommend]
impl<K, V> Replayed for std::collections::HashMap<K, V, RandomState> {
    type Type = HashMap<K, V>;
}

#[diagnostic::do_not_recommend]
impl<T> Replayed for std::collections::HashSet<T, RandomState> {
    type Type = HashSet<T>;
}

#[diagnostic::do_not_recommend]
impl<K, V, H> Replayed for std::collections::HashMap<K, V, BuildHasherDefault<H>> {
    type Type = Self;
}

#[diagnostic::do_not_recommend]
impl<T, H> Replayed for std::collections::HashSet<T, BuildHasherDefault<H>> {
    type Type = Self;
}

#[diagnostic::do_not_recommend]
impl<K, V> Replayed for HashMap<K, V> {
    type Type = Self;
}

#[diagnostic::do_not_recommend]
impl<T> Replayed for HashSet<T> {
    type Type = Self;
}
