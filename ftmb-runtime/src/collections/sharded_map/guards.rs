//! An entry in the section of its shard.
//!
//! Invariant: a guard is the section; the shard is free for others when it is dropped.

use std::fmt;

use crate::collections::hash_map::Slot;
use crate::sync::{MappedRwLockReadGuard, MappedRwLockWriteGuard};

/// An entry of a [`ShardedMap`](super::ShardedMap), in a shared section of its shard.
///
/// # Examples
///
/// ```
/// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
/// let entry = map.get("a").unwrap();
/// assert_eq!((*entry.key(), *entry.value(), *entry), ("a", 1, 1));
/// assert_eq!(entry.pair(), (&"a", &1));
/// ```
pub struct Ref<'a, K, V> {
    pub(super) slot: MappedRwLockReadGuard<'a, Slot<K, V>>,
}

/// An entry of a [`ShardedMap`](super::ShardedMap), in an exclusive section of its shard; it counts as changed.
///
/// # Examples
///
/// ```
/// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
/// let mut entry = map.get_mut("a").unwrap();
/// *entry += 1;
/// *entry.value_mut() += 1;
/// let (key, value) = entry.pair_mut();
/// *value += key.len();
/// assert_eq!((*entry.key(), entry.pair()), ("a", (&"a", &4)));
/// ```
pub struct RefMut<'a, K, V> {
    pub(super) slot: MappedRwLockWriteGuard<'a, Slot<K, V>>,
}

/// What every guard of an entry gives.
macro_rules! entry_guard {
    ($name:ident, |$this:ident| $slot:expr) => {
        impl<K, V> $name<'_, K, V> {
            /// The key. See the type for an example.
            #[inline]
            pub fn key(&self) -> &K {
                self.pair().0
            }

            /// The value. See the type for an example.
            #[inline]
            pub fn value(&self) -> &V {
                self.pair().1
            }

            /// Key and value. See the type for an example.
            #[inline]
            pub fn pair(&self) -> (&K, &V) {
                let $this = self;
                $slot.entry()
            }
        }

        impl<K, V> std::ops::Deref for $name<'_, K, V> {
            type Target = V;
            #[inline]
            fn deref(&self) -> &V {
                self.value()
            }
        }

        impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for $name<'_, K, V> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("key", self.key()).field("value", self.value()).finish()
            }
        }
    };
    (mut $name:ident, |$this:ident| $slot:expr) => {
        entry_guard! { $name, |$this| $slot }

        impl<K, V> $name<'_, K, V> {
            /// The value, to be changed. See the type for an example.
            #[inline]
            pub fn value_mut(&mut self) -> &mut V {
                self.pair_mut().1
            }

            /// The key, and the value to be changed. See the type for an example.
            #[inline]
            pub fn pair_mut(&mut self) -> (&K, &mut V) {
                let slot = &mut *self.slot;
                (&slot.key, &mut slot.value)
            }
        }

        impl<K, V> std::ops::DerefMut for $name<'_, K, V> {
            #[inline]
            fn deref_mut(&mut self) -> &mut V {
                self.value_mut()
            }
        }
    };
}
pub(super) use entry_guard;

entry_guard! { Ref, |this| this.slot }
entry_guard! { mut RefMut, |this| this.slot }
