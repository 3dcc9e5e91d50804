//! An array of any length, since serde's own impls end at 32 elements.
//!
//! Invariant: encoded as serde encodes a tuple: the elements in order, no length.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::impls::whole_items;
use super::whole::{capture_whole, restore_whole};
use super::{Extent, Layout, Piece, PieceWriter, State, StateError};

/// `[T; N]` for any `N`, usable inside a tracked variable. Captured whole.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{whole, Array};
///
/// let mut buckets = Array([0u32; 256]);
/// buckets[17] += 1;
/// let mut bytes = Vec::new();
/// whole::encode_into(&mut bytes, &buckets)?;
/// assert_eq!(bytes.len(), 256);
/// assert_eq!(whole::decode::<Array<u32, 256>>(&bytes)?, buckets);
/// # Ok::<(), ftmb_runtime::state::StateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Array<T, const N: usize>(pub [T; N]);

impl<T: Default, const N: usize> Default for Array<T, N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| T::default()))
    }
}

impl<T, const N: usize> Deref for Array<T, N> {
    type Target = [T; N];

    fn deref(&self) -> &[T; N] {
        &self.0
    }
}

impl<T, const N: usize> DerefMut for Array<T, N> {
    fn deref_mut(&mut self) -> &mut [T; N] {
        &mut self.0
    }
}

impl<T, const N: usize> From<[T; N]> for Array<T, N> {
    fn from(elements: [T; N]) -> Self {
        Self(elements)
    }
}

impl<T: State, const N: usize> State for Array<T, N> {
    whole_items!();

    fn layout(layout: &mut Layout) {
        layout.token("array");
        layout.number(N as u64);
        layout.of::<T>();
    }
}

impl<T: Serialize, const N: usize> Serialize for Array<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(N)?;
        for element in &self.0 {
            tuple.serialize_element(element)?;
        }
        tuple.end()
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Array<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(N, Elements(PhantomData))
    }
}

struct Elements<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Elements<T, N> {
    type Value = Array<T, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < N {
            match sequence.next_element()? {
                Some(element) => elements.push(element),
                None => return Err(A::Error::invalid_length(elements.len(), &self)),
            }
        }
        let found = elements.len();
        <[T; N]>::try_from(elements).map(Array).map_err(|_| A::Error::invalid_length(found, &self))
    }
}
