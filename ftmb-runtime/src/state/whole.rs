//! Values that are captured whole: one piece, its key empty, its value the postcard encoding.
//!
//! Invariant: what [`encode_into`] writes, [`decode`] reads to the last byte, or it is an error.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Piece, PieceWriter, StateError};

/// Writes `value` as one piece with the empty key: the `capture` of every type that is not piecewise.
///
/// Debug builds decode what they wrote and encode it again; a type whose serde implementation loses something is
/// reported as [`StateError::Unfaithful`] by [`PieceWriter::finish`].
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{whole, PieceWriter, Place};
///
/// let (mut bytes, mut place) = (Vec::new(), Place::new());
/// whole::capture_whole(&(1u8, 2u8), &mut PieceWriter::new(&mut bytes, &mut place));
/// assert_eq!(bytes, [1, 0, 2, 1, 2]);
/// ```
pub fn capture_whole<T: Serialize + DeserializeOwned>(value: &T, out: &mut PieceWriter<'_>) {
    if cfg!(debug_assertions)
        && let Err(error) = check_faithful(value)
    {
        return out.fail(error);
    }
    out.put(&[], value);
}

/// Replaces `value` by what `piece` holds: the `restore` of every type that is not piecewise.
///
/// A `Clear` changes nothing: a whole value is always there, and its `Put` follows.
///
/// # Errors
///
/// A key that is not empty, a `Remove`, or bytes that are no encoding of `T`; `value` is then as before.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{whole, Piece};
///
/// let mut pair = (0u8, 0u8);
/// whole::restore_whole(&mut pair, Piece::Put { key: &[], value: &[1, 2] })?;
/// assert_eq!(pair, (1, 2));
/// assert!(whole::restore_whole(&mut pair, Piece::Put { key: &[], value: &[1] }).is_err());
/// # Ok::<(), ftmb_runtime::state::StateError>(())
/// ```
pub fn restore_whole<T: DeserializeOwned>(value: &mut T, piece: Piece<'_>) -> Result<(), StateError> {
    match piece {
        Piece::Put { key: [], value: bytes } => {
            *value = decode(bytes)?;
            Ok(())
        }
        Piece::Clear { prefix: [] } => Ok(()),
        Piece::Remove { .. } => Err(StateError::UnexpectedPiece { type_name: type_name::<T>(), operation: "remove" }),
        Piece::Put { key, .. } | Piece::Clear { prefix: key } => {
            Err(StateError::UnknownKey { type_name: type_name::<T>(), expected: "the empty key", key: key.to_vec() })
        }
    }
}

/// Reads a value that takes all of `bytes`.
///
/// # Errors
///
/// Bytes that are no encoding of `T`, or more of them than it takes.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{whole, StateError};
///
/// assert_eq!(whole::decode::<(u8, bool)>(&[7, 1]), Ok((7, true)));
/// assert!(matches!(whole::decode::<u8>(&[7, 1]), Err(StateError::TrailingBytes { expected: 1, found: 2, .. })));
/// ```
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StateError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|source| StateError::Decode {
        type_name: type_name::<T>(),
        length: bytes.len(),
        source,
    })?;
    if !rest.is_empty() {
        return Err(StateError::TrailingBytes {
            type_name: type_name::<T>(),
            expected: bytes.len() - rest.len(),
            found: bytes.len(),
        });
    }
    Ok(value)
}

/// Appends the encoding of `value` to `out`.
///
/// # Errors
///
/// The value's serializer refused; what `out` then holds behind its old end is unspecified.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::whole;
///
/// let mut bytes = vec![9];
/// whole::encode_into(&mut bytes, &Some(5u16))?;
/// assert_eq!(bytes, [9, 1, 5]);
/// # Ok::<(), ftmb_runtime::state::StateError>(())
/// ```
#[inline]
pub fn encode_into<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), StateError> {
    postcard::serialize_with_flavor(value, Tail(out))
        .map_err(|source| StateError::Encode { type_name: type_name::<T>(), source })
}

/// Encodes, decodes and encodes again: both encodings must be the same bytes.
///
/// # Errors
///
/// [`StateError::Unfaithful`] if they differ; the encoder's or decoder's error if one fails.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::whole;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Forgetful(#[serde(skip)] u8, u8);
///
/// assert!(whole::check_faithful(&(1u8, 2u8)).is_ok());
/// assert!(whole::check_faithful(&vec![Some(1u8), None]).is_ok());
/// // A skipped field is lost, but this check compares encodings only; what is not in them it cannot see.
/// assert!(whole::check_faithful(&Forgetful(1, 2)).is_ok());
/// ```
pub fn check_faithful<T: Serialize + DeserializeOwned>(value: &T) -> Result<(), StateError> {
    check_faithful_as::<T>(value)
}

/// The same for something that is encoded as a `T` is, such as one made of references.
pub(crate) fn check_faithful_as<T: Serialize + DeserializeOwned>(value: &impl Serialize) -> Result<(), StateError> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    encode_into(&mut before, value)?;
    encode_into(&mut after, &decode::<T>(&before)?)?;
    if before != after {
        return Err(StateError::Unfaithful { type_name: type_name::<T>() });
    }
    Ok(())
}

fn type_name<T: ?Sized>() -> &'static str {
    std::any::type_name::<T>()
}

/// The end of a byte vector, as postcard writes to it.
struct Tail<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Tail<'_> {
    type Output = ();

    #[inline(always)]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    #[inline(always)]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// `State` for types of this crate that are captured whole, with the names that go into the layout.
macro_rules! whole_state {
    ($($type:ty, $name:literal;)*) => {$(
        impl $crate::state::State for $type {
            const PIECEWISE: bool = false;
            fn layout(layout: &mut $crate::state::Layout) {
                layout.token($name);
            }
            fn capture(&mut self, _: $crate::state::Extent, out: &mut $crate::state::PieceWriter<'_>) {
                $crate::state::whole::capture_whole(self, out);
            }
            fn restore(&mut self, piece: $crate::state::Piece<'_>) -> Result<(), $crate::state::StateError> {
                $crate::state::whole::restore_whole(self, piece)
            }
            fn restored(&mut self) -> Result<(), $crate::state::StateError> {
                Ok(())
            }
        }
    )*};
}
pub(crate) use whole_state;
