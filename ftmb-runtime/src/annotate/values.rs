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
use crate::collections::{HashMap, HashSet, IndexPool};
use crate::packet::PortId;
use crate::state::Array;
use crate::time::{Instant, SystemTime};

/// Types that are stored as they are written, their parameters in front.
macro_rules! plain {
    ($($parameters:tt: $($type:ty),+;)*) => {$(
        plain!(@ $parameters: $($type),+);
    )*};
    (@ $parameters:tt: $first:ty $(, $type:ty)*) => {
        plain!(@@ $parameters $first);
        $(plain!(@@ $parameters $type);)*
    };
    (@@ [$($parameter:ident)*] $type:ty) => {
        #[diagnostic::do_not_recommend]
        impl<$($parameter),*> Shareable for $type {
            type Kind = Value;
            type Stored = Self;

            fn into_stored(self) -> Self {
                self
            }
        }
    };
}

plain! {
    []: (), bool, char, f32, f64, String, Box<str>, Duration, Instant, SystemTime, PortId, IndexPool;
    []: u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize;
    []: NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize;
    []: NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize;
    []: Ipv4Addr, Ipv6Addr, IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6;
    [T]: Box<[T]>, VecDeque<T>, BTreeSet<T>, HashSet<T>;
    [K V]: BTreeMap<K, V>, HashMap<K, V>;
    [T E]: Result<T, E>;
    [A]: (A,);
    [A B]: (A, B);
    [A B C]: (A, B, C);
    [A B C D]: (A, B, C, D);
    [A B C D E]: (A, B, C, D, E);
    [A B C D E F]: (A, B, C, D, E, F);
    [A B C D E F G]: (A, B, C, D, E, F, G);
    [A B C D E F G H]: (A, B, C, D, E, F, G, H);
}

#[diagnostic::do_not_recommend]
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
        let stored: std::collections::HashMap<K, V::Stored> =
            self.into_iter().map(|(key, value)| (key, value.into_stored())).collect();
        HashMap::from(stored)
    }
}

/// As std's map: ftmb's set takes its place.
impl<T, S> Shareable for std::collections::HashSet<T, S>
where
    T: Plain + Hash + Eq,
{
    type Kind = Value;
    type Stored = HashSet<T>;

    fn into_stored(self) -> HashSet<T> {
        HashSet::from(self)
    }
}
