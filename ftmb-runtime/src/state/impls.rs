//! `State` for the types of std that qualify, all captured whole (except `Box`, which follows its content).
//!
//! Invariant: nothing here has an order that a restore could change; hash maps, sets and shared pointers are missing
//! on purpose.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::whole::{capture_whole, restore_whole};
use super::{Extent, Layout, Piece, PieceWriter, State, StateError};

/// The items of `State` for a type that is captured whole: all but its layout.
macro_rules! whole_items {
    () => {
        const PIECEWISE: bool = false;

        fn capture(&mut self, _extent: Extent, out: &mut PieceWriter<'_>) {
            capture_whole(self, out);
        }

        fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError> {
            restore_whole(self, piece)
        }

        fn restored(&mut self) -> Result<(), StateError> {
            Ok(())
        }
    };
}
pub(super) use whole_items;

macro_rules! plain {
    ($($type:ty),* $(,)?) => {$(
        impl State for $type {
            whole_items!();

            fn layout(layout: &mut Layout) {
                layout.token(stringify!($type));
            }
        }
    )*};
}

macro_rules! generic {
    ($($type:ident<$($parameter:ident $(: $also:ident)?),*>),* $(,)?) => {$(
        impl<$($parameter: State $(+ $also)?),*> State for $type<$($parameter),*> {
            whole_items!();

            fn layout(layout: &mut Layout) {
                layout.token(stringify!($type));
                $(layout.of::<$parameter>();)*
            }
        }
    )*};
}

macro_rules! tuples {
    ($($count:literal: $($parameter:ident)*;)*) => {$(
        impl<$($parameter: State),*> State for ($($parameter,)*) {
            whole_items!();

            fn layout(layout: &mut Layout) {
                layout.token("tuple");
                layout.number($count);
                $(layout.of::<$parameter>();)*
            }
        }
    )*};
}

plain! {
    (), bool, char, f32, f64, String, Duration,
    u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize,
    NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize,
    Ipv4Addr, Ipv6Addr, IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6,
}

generic! {
    Option<T>, Result<T, E>, Vec<T>, VecDeque<T>, BTreeMap<K: Ord, V>, BTreeSet<T: Ord>,
}

tuples! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
}

impl State for Box<str> {
    whole_items!();

    fn layout(layout: &mut Layout) {
        layout.token("String");
    }
}

impl<T: State> State for Box<[T]> {
    whole_items!();

    fn layout(layout: &mut Layout) {
        layout.token("Vec");
        layout.of::<T>();
    }
}

/// Up to 32 elements, as far as serde goes; [`Array`](super::Array) holds any number.
impl<T: State, const N: usize> State for [T; N]
where
    [T; N]: Serialize + DeserializeOwned,
{
    whole_items!();

    fn layout(layout: &mut Layout) {
        layout.token("array");
        layout.number(N as u64);
        layout.of::<T>();
    }
}

impl<T: State> State for Box<T> {
    const PIECEWISE: bool = T::PIECEWISE;

    fn layout(layout: &mut Layout) {
        layout.of::<T>();
    }

    fn capture(&mut self, extent: Extent, out: &mut PieceWriter<'_>) {
        (**self).capture(extent, out);
    }

    fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError> {
        (**self).restore(piece)
    }

    fn restored(&mut self) -> Result<(), StateError> {
        (**self).restored()
    }
}
