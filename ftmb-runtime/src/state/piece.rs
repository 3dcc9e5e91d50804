//! Pieces: the unit in which state is saved, and how a run of them lies in a delta.
//!
//! Invariant: what [`encode_piece`] writes, [`PieceReader`] gives back; any other bytes are an error, never a panic.
//!
//! ```text
//! put      01 | key length, varint | key | value length, varint | value
//! remove   02 | key length, varint | key
//! clear    03 | prefix length, varint | prefix
//! ```
//!
//! A varint is LEB128: seven bits a byte, low bits first, the high bit says that more follow.

use super::StateError;

pub(super) const OP_PUT: u8 = 1;
pub(super) const OP_REMOVE: u8 = 2;
pub(super) const OP_CLEAR: u8 = 3;

/// One change to the saved form of a value: a small map from keys to bytes.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::Piece;
///
/// let piece = Piece::Put { key: b"\x02key", value: b"value" };
/// assert_eq!(piece.strip_prefix(&[2]), Some(Piece::Put { key: b"key", value: b"value" }));
/// assert_eq!(piece.strip_prefix(&[3]), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// `key` now has `value`, whatever it had before.
    Put {
        /// Which part of the value.
        key: &'a [u8],
        /// Its encoding.
        value: &'a [u8],
    },
    /// `key` is gone.
    Remove {
        /// Which part of the value.
        key: &'a [u8],
    },
    /// Every key that starts with `prefix` is gone.
    Clear {
        /// What the keys start with; empty: all keys.
        prefix: &'a [u8],
    },
}

impl<'a> Piece<'a> {
    /// This piece as the part saved under `prefix` by [`PieceWriter::scoped`](super::PieceWriter::scoped) sees it, or
    /// `None` if it does not concern that part.
    ///
    /// A `Clear` that covers the whole part becomes a `Clear` of all its keys; such a piece concerns several parts, so
    /// a type with several parts must offer each piece to all of them:
    ///
    /// ```
    /// use ftmb_runtime::state::Piece;
    ///
    /// let all = Piece::Clear { prefix: &[] };
    /// assert_eq!(all.strip_prefix(&[2]), Some(Piece::Clear { prefix: &[] }));
    /// let some = Piece::Clear { prefix: &[2, 7] };
    /// assert_eq!(some.strip_prefix(&[2]), Some(Piece::Clear { prefix: &[7] }));
    /// assert_eq!(some.strip_prefix(&[3]), None);
    /// ```
    #[must_use]
    pub fn strip_prefix(&self, prefix: &[u8]) -> Option<Piece<'a>> {
        Some(match *self {
            Piece::Put { key, value } => Piece::Put { key: key.strip_prefix(prefix)?, value },
            Piece::Remove { key } => Piece::Remove { key: key.strip_prefix(prefix)? },
            Piece::Clear { prefix: cleared } => match cleared.strip_prefix(prefix) {
                Some(rest) => Piece::Clear { prefix: rest },
                None if prefix.starts_with(cleared) => Piece::Clear { prefix: &[] },
                None => return None,
            },
        })
    }

    /// The operation as errors name it: `put`, `remove` or `clear`.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::state::Piece::Remove { key: &[] }.operation(), "remove");
    /// ```
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Piece::Put { .. } => "put",
            Piece::Remove { .. } => "remove",
            Piece::Clear { .. } => "clear",
        }
    }

    /// The key, or the prefix of a `Clear`.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::state::Piece::Remove { key: b"k" }.key(), b"k");
    /// ```
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        match *self {
            Piece::Put { key, .. } | Piece::Remove { key } => key,
            Piece::Clear { prefix } => prefix,
        }
    }
}

/// Appends `piece` to `out` in the form that the module's drawing shows.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{encode_piece, Piece, PieceReader};
///
/// let mut bytes = Vec::new();
/// encode_piece(&mut bytes, Piece::Put { key: b"k", value: b"v" });
/// encode_piece(&mut bytes, Piece::Remove { key: b"old" });
/// let pieces: Result<Vec<_>, _> = PieceReader::new(&bytes).collect();
/// assert_eq!(pieces?, [Piece::Put { key: b"k", value: b"v" }, Piece::Remove { key: b"old" }]);
/// # Ok::<(), ftmb_runtime::state::StateError>(())
/// ```
pub fn encode_piece(out: &mut Vec<u8>, piece: Piece<'_>) {
    match piece {
        Piece::Put { key, value } => {
            push_head(out, OP_PUT, &[], key);
            push_varint(out, value.len() as u64);
            out.extend_from_slice(value);
        }
        Piece::Remove { key } => push_head(out, OP_REMOVE, &[], key),
        Piece::Clear { prefix } => push_head(out, OP_CLEAR, &[], prefix),
    }
}

/// Appends operation and key; the key is `prefix` followed by `key`.
#[inline]
pub(super) fn push_head(out: &mut Vec<u8>, operation: u8, prefix: &[u8], key: &[u8]) {
    out.reserve(prefix.len() + key.len() + 16);
    let length = prefix.len() + key.len();
    if length < 0x80 {
        out.extend_from_slice(&[operation, length as u8]);
    } else {
        out.push(operation);
        push_varint(out, length as u64);
    }
    if !prefix.is_empty() {
        out.extend_from_slice(prefix);
    }
    out.extend_from_slice(key);
}

/// Appends `value` as a varint.
#[inline]
pub(super) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Turns the one byte reserved at `at` into the length of everything behind it.
///
/// Values below 128 bytes, the usual case, fit the reserved byte; longer ones move up once.
#[inline]
pub(super) fn patch_length(out: &mut Vec<u8>, at: usize) {
    let length = out.len() - at - 1;
    if length < 0x80 {
        out[at] = length as u8;
    } else {
        patch_long_length(out, at, length);
    }
}

#[cold]
fn patch_long_length(out: &mut Vec<u8>, at: usize, length: usize) {
    let mut varint = Vec::with_capacity(10);
    push_varint(&mut varint, length as u64);
    out.splice(at..=at, varint);
}

/// Reads pieces that [`encode_piece`] or a [`PieceWriter`](super::PieceWriter) wrote one after the other.
///
/// After the first error the iterator ends.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{PieceReader, StateError};
///
/// let mut reader = PieceReader::new(&[1, 200, 1, b'k']);
/// assert!(matches!(reader.next(), Some(Err(StateError::Truncated { position: 1, expected: 200, .. }))));
/// assert!(reader.next().is_none());
/// ```
#[derive(Debug, Clone)]
pub struct PieceReader<'a> {
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

impl<'a> PieceReader<'a> {
    /// A reader that starts at the first byte.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::state::PieceReader::new(&[]).next(), None);
    /// ```
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, failed: false }
    }

    /// Where the next piece starts, in bytes.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::state::PieceReader::new(&[3, 0]).position(), 0);
    /// ```
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    fn read(&mut self) -> Result<Piece<'a>, StateError> {
        let start = self.position;
        let operation = self.byte()?;
        match operation {
            OP_PUT => Ok(Piece::Put { key: self.run()?, value: self.run()? }),
            OP_REMOVE => Ok(Piece::Remove { key: self.run()? }),
            OP_CLEAR => Ok(Piece::Clear { prefix: self.run()? }),
            found => Err(StateError::UnknownOperation { position: start, found }),
        }
    }

    fn byte(&mut self) -> Result<u8, StateError> {
        let Some(&byte) = self.bytes.get(self.position) else {
            return Err(StateError::Truncated { position: self.position, expected: 1, found: 0 });
        };
        self.position += 1;
        Ok(byte)
    }

    /// A length and that many bytes.
    fn run(&mut self) -> Result<&'a [u8], StateError> {
        let start = self.position;
        let length = self.varint(start)?;
        let rest = self.bytes.get(self.position..).unwrap_or(&[]);
        match usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
            Some(run) => {
                self.position += run.len();
                Ok(run)
            }
            None => Err(StateError::Truncated { position: start, expected: length, found: rest.len() }),
        }
    }

    fn varint(&mut self, start: usize) -> Result<u64, StateError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(StateError::LengthOverflow { position: start })
    }
}

impl<'a> Iterator for PieceReader<'a> {
    type Item = Result<Piece<'a>, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.position >= self.bytes.len() {
            return None;
        }
        let piece = self.read();
        self.failed = piece.is_err();
        Some(piece)
    }
}
