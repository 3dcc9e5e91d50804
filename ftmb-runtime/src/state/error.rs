//! What can go wrong when state is saved or loaded: one error type for the whole room.
//!
//! Invariant: every byte sequence that is not a well-formed capture ends here, never in a panic.

/// Why state could not be captured or restored.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{Piece, State, StateError};
///
/// let mut port = 0u16;
/// let error = port.restore(Piece::Put { key: &[], value: &[0xff] }).unwrap_err();
/// assert!(matches!(error, StateError::Decode { type_name: "u16", length: 1, .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The serializer of a value refused it.
    #[error("a value of type `{type_name}` cannot be encoded")]
    Encode {
        /// The type, as the compiler names it.
        type_name: &'static str,
        /// What the encoder said.
        #[source]
        source: postcard::Error,
    },
    /// The bytes are no encoding of the type.
    #[error("{length} bytes are no encoding of type `{type_name}`")]
    Decode {
        /// The type, as the compiler names it.
        type_name: &'static str,
        /// How many bytes there were.
        length: usize,
        /// What the decoder said.
        #[source]
        source: postcard::Error,
    },
    /// A value was followed by bytes that belong to nothing.
    #[error("a value of type `{type_name}` ends after {expected} bytes, found {found}")]
    TrailingBytes {
        /// The type, as the compiler names it.
        type_name: &'static str,
        /// Bytes that the value takes.
        expected: usize,
        /// Bytes that were there.
        found: usize,
    },
    /// A value changed on its way through its encoding (debug builds check every value that they capture).
    #[error("a value of type `{type_name}` is not the same after encoding and decoding")]
    Unfaithful {
        /// The type, as the compiler names it.
        type_name: &'static str,
    },
    /// A key that the value does not have.
    #[error("type `{type_name}` has no piece with key {key:02x?}, expected {expected}")]
    UnknownKey {
        /// The type, as the compiler names it.
        type_name: &'static str,
        /// What keys of this type look like.
        expected: &'static str,
        /// The key found.
        key: Vec<u8>,
    },
    /// An operation that the value never writes.
    #[error("type `{type_name}` never writes a `{operation}` piece")]
    UnexpectedPiece {
        /// The type, as the compiler names it.
        type_name: &'static str,
        /// The operation found: `put`, `remove` or `clear`.
        operation: &'static str,
    },
    /// A stream of pieces ends inside a piece.
    #[error("pieces end at byte {position}: expected {expected} more bytes, found {found}")]
    Truncated {
        /// Where the part that is cut short begins.
        position: usize,
        /// Bytes needed from there.
        expected: u64,
        /// Bytes there are.
        found: usize,
    },
    /// A stream of pieces has a byte where an operation belongs that is none.
    #[error("byte {position} of the pieces is {found:#04x}, expected an operation (1, 2 or 3)")]
    UnknownOperation {
        /// Where.
        position: usize,
        /// The byte found.
        found: u8,
    },
    /// A length in a stream of pieces does not fit 64 bits.
    #[error("the length at byte {position} of the pieces has more than 64 bits")]
    LengthOverflow {
        /// Where the length begins.
        position: usize,
    },
    /// A count stored beside a collection contradicts its entries.
    #[error("{what}: expected {expected}, found {found}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// The stored count.
        expected: u64,
        /// What the pieces amount to.
        found: u64,
    },
    /// Two slots of a map hold the same key.
    #[error("slots {first} and {second} hold the same key")]
    DuplicateKey {
        /// The one slot.
        first: u32,
        /// The other slot.
        second: u32,
    },
    /// Two vacant entries claim one place in the order in which they are used again, or one claims a place that does not exist.
    #[error("vacant entry {entry} claims place {place} in the order of reuse, which {problem}")]
    FreeOrder {
        /// The entry (slot of a map, index of a pool).
        entry: u32,
        /// The place that it claims.
        place: u64,
        /// What is wrong with that place.
        problem: &'static str,
    },
    /// An index that the pool does not have.
    #[error("index {index} is none of the {capacity} indices from {lowest} on")]
    OutOfRange {
        /// The index found.
        index: u32,
        /// The lowest index of the pool.
        lowest: u32,
        /// Number of its indices.
        capacity: u32,
    },
    /// The collection does not fit into memory.
    #[error("no memory for {entries} entries")]
    Memory {
        /// Entries that were to be held.
        entries: u64,
    },
}
