//! [`Shareable`] for plain data: std's value types, ftmb's collections and times.
//!
//! Invariant: every type of std that is `State` is here; converting a `HashMap` does not depend on its random order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::time::Duration;

use super::{Plain, Shareable, Storable, Value};
use crate::collections::{HashMap, IndexPool};
use crate::state::{Array, whole};
use crate::time::{Instant, SystemTime};

/// Types that are stored as they are written.
macro_rules! plain {
    ($($(<$($parameter:ident),*>)? $type:ty),* $(,)?) => {$(
        impl $(<$($parameter),*>)? Shareable for $type {
            type Kind = Value;
            type Stored = Self;

            fn into_stored(self) -> Self {
                self
            }
        }
    )*};
}

plain! {
    (), bool, char, f32, f64, String, Box<str>, Duration, Instant, SystemTime,
    u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize,
    NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize,
    Ipv4Addr, Ipv6Addr, IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6,
    crate::packet::PortId, IndexPool,
    <T> Box<[T]>, <T> VecDeque<T>, <T> BTreeSet<T>, <K, V> BTreeMap<K, V>, <T, E> Result<T, E>, <K, V> HashMap<K, V>,
    <A> (A,), <A, B> (A, B), <A, B, C> (A, B, C), <A, B, C, D> (A, B, C, D), <A, B, C, D, E> (A, B, C, D, E),
    <A, B, C, D, E, F> (A, B, C, D, E, F), <A, B, C, D, E, F, G> (A, B, C, D, E, F, G),
    <A, B, C, D, E, F, G, H> (A, B, C, D, E, F, G, H),
}

impl<T, const N: usize> Shareable for Array<T, N> {
    type Kind = Value;
    type Stored = Self;

    fn into_stored(self) -> Self {
        self
    }
}

/// std's map has a random order; ftmb's takes its place and starts with the entries in the order of their encoded keys.
impl<K, V, S> Shareable for std::collections::HashMap<K, V, S>
where
    K: Plain + Hash + Eq,
    V: Storable,
{
    type Kind = Value;
    type Stored = HashMap<K, V::Stored>;

    fn into_stored(self) -> Self::Stored {
        let mut entries: Vec<(Vec<u8>, K, V)> = self
            .into_iter()
            .map(|(key, value)| {
                let mut bytes = Vec::new();
                // A key that refuses to be encoded fails again, and is reported, at the first checkpoint.
                let _ = whole::encode_into(&mut bytes, &key);
                (bytes, key, value)
            })
            .collect();
        entries.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        let mut map = HashMap::new();
        for (_, key, value) in entries {
            map.insert(key, value.into_stored());
        }
        map
    }
}
