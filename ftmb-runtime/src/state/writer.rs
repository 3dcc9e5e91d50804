//! The writing side of a capture: pieces go to a byte buffer, to a sink, or nowhere.
//!
//! Invariant: only whole pieces are written; a value that fails to encode leaves no bytes, and the failure is kept
//! until [`PieceWriter::finish`].

use serde::Serialize;

use super::piece::{self, OP_PUT};
use super::{Extent, Lineage, Piece, Place, StateError, encode_piece, whole};

/// Takes pieces one by one, for whoever wants something other than their bytes in a row.
///
/// Every `FnMut(Piece<'_>)` is one.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{Extent, Piece, PieceWriter, Place, State};
///
/// let mut keys = Vec::new();
/// let mut sink = |piece: Piece<'_>| keys.push(piece.key().to_vec());
/// 7u32.capture(Extent::All, &mut PieceWriter::to_sink(&mut sink, &mut Place::new()));
/// assert_eq!(keys, [b""]);
/// ```
pub trait PieceSink {
    /// Takes one piece, its key as seen from the variable (all prefixes included).
    fn piece(&mut self, piece: Piece<'_>);
}

impl<F: FnMut(Piece<'_>)> PieceSink for F {
    fn piece(&mut self, piece: Piece<'_>) {
        self(piece);
    }
}

/// Where [`State::capture`](super::State::capture) puts its pieces.
///
/// Keys are relative to the scope: [`scoped`](Self::scoped) gives a writer whose keys all start with a further prefix,
/// and [`Piece::strip_prefix`] undoes that when the pieces come back. A type with several piecewise parts saves each
/// under a prefix of its own.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{Piece, PieceReader, PieceWriter, Place, StateError};
///
/// let mut bytes = Vec::new();
/// let mut place = Place::new();
/// let mut out = PieceWriter::new(&mut bytes, &mut place);
/// out.put(&[0], &(80u16, true));
/// out.scoped(&[1]).put_bytes(b"k", b"raw");
/// out.finish()?;
/// let pieces: Result<Vec<_>, StateError> = PieceReader::new(&bytes).collect();
/// assert_eq!(
///     pieces?,
///     [Piece::Put { key: &[0], value: &[80, 1] }, Piece::Put { key: b"\x01k", value: b"raw" }]
/// );
/// # Ok::<(), StateError>(())
/// ```
#[derive(Debug)]
pub struct PieceWriter<'a> {
    target: Target<'a>,
    prefix: Vec<u8>,
    place: &'a mut Place,
    failure: Failure<'a>,
}

enum Target<'a> {
    /// Pieces in a row, as [`encode_piece`] writes them.
    Buffer(&'a mut Vec<u8>),
    Sink(&'a mut dyn PieceSink),
    Nowhere,
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Target::Buffer(_) => "Buffer",
            Target::Sink(_) => "Sink",
            Target::Nowhere => "Nowhere",
        })
    }
}

/// The first failure, kept by the outermost writer.
#[derive(Debug)]
enum Failure<'a> {
    Here(Option<StateError>),
    Outside(&'a mut Option<StateError>),
}

impl Failure<'_> {
    fn slot(&mut self) -> &mut Option<StateError> {
        match self {
            Failure::Here(slot) => slot,
            Failure::Outside(slot) => slot,
        }
    }
}

impl<'a> PieceWriter<'a> {
    /// A writer that appends to `buffer`, in the form that [`PieceReader`](super::PieceReader) reads.
    ///
    /// `place` is the memory of the variable that is captured: the same one at each of its captures (a new one makes
    /// the capture complete). Call [`finish`](Self::finish) at the end.
    ///
    /// ```
    /// use ftmb_runtime::state::{Extent, PieceWriter, Place, State};
    ///
    /// let (mut bytes, mut place) = (Vec::new(), Place::new());
    /// let mut out = PieceWriter::new(&mut bytes, &mut place);
    /// 300u32.capture(Extent::All, &mut out);
    /// out.finish()?;
    /// assert_eq!(bytes, [1, 0, 2, 0xac, 0x02]);
    /// # Ok::<(), ftmb_runtime::state::StateError>(())
    /// ```
    pub fn new(buffer: &'a mut Vec<u8>, place: &'a mut Place) -> Self {
        Self::with_target(Target::Buffer(buffer), place)
    }

    /// A writer that hands each piece to `sink`.
    ///
    /// See [`PieceSink`] for an example.
    pub fn to_sink(sink: &'a mut dyn PieceSink, place: &'a mut Place) -> Self {
        Self::with_target(Target::Sink(sink), place)
    }

    /// A writer that writes nothing and tells `place` that the state captured with it is what the last committed
    /// checkpoint holds.
    ///
    /// For a standby that takes over: its live objects are exactly the checkpoint, so with one such capture of each
    /// variable its own first checkpoint needs to hold only what changed since.
    ///
    /// ```
    /// use ftmb_runtime::collections::HashMap;
    /// use ftmb_runtime::state::{Extent, PieceReader, PieceWriter, Place, State};
    ///
    /// let mut bytes = Vec::new();
    /// let mut master = HashMap::from_iter([(1u8, 'a'), (2, 'b')]);
    /// master.capture(Extent::All, &mut PieceWriter::new(&mut bytes, &mut Place::new()));
    ///
    /// let mut standby = HashMap::<u8, char>::new();
    /// for piece in PieceReader::new(&bytes) {
    ///     standby.restore(piece?)?;
    /// }
    /// standby.restored()?;
    ///
    /// let mut place = Place::new();
    /// standby.capture(Extent::Changed, &mut PieceWriter::adopting(&mut place));
    /// standby.insert(2, 'c');
    /// bytes.clear();
    /// standby.capture(Extent::Changed, &mut PieceWriter::new(&mut bytes, &mut place));
    /// assert_eq!(PieceReader::new(&bytes).count(), 2); // the changed slot, the counts
    /// # Ok::<(), ftmb_runtime::state::StateError>(())
    /// ```
    pub fn adopting(place: &'a mut Place) -> Self {
        Self::with_target(Target::Nowhere, place)
    }

    fn with_target(target: Target<'a>, place: &'a mut Place) -> Self {
        Self { target, prefix: Vec::new(), place, failure: Failure::Here(None) }
    }

    /// A writer whose keys all get `prefix` in front.
    ///
    /// ```
    /// use ftmb_runtime::state::{Piece, PieceReader, PieceWriter, Place};
    ///
    /// let (mut bytes, mut place) = (Vec::new(), Place::new());
    /// PieceWriter::new(&mut bytes, &mut place).scoped(b"a").scoped(b"b").remove(b"c");
    /// assert_eq!(PieceReader::new(&bytes).next(), Some(Ok(Piece::Remove { key: b"abc" })));
    /// ```
    pub fn scoped(&mut self, prefix: &[u8]) -> PieceWriter<'_> {
        let target = match &mut self.target {
            Target::Buffer(buffer) => Target::Buffer(buffer),
            Target::Sink(sink) => Target::Sink(&mut **sink),
            Target::Nowhere => Target::Nowhere,
        };
        PieceWriter {
            target,
            prefix: [&self.prefix, prefix].concat(),
            place: self.place,
            failure: Failure::Outside(self.failure.slot()),
        }
    }

    /// What a piecewise value that was asked for `wanted` has to write: everything unless `lineage` was the last to be
    /// captured at this place and scope, whatever was wanted.
    ///
    /// Call it once a capture. See [`Lineage`] for an example.
    pub fn extent(&mut self, wanted: Extent, lineage: &mut Lineage) -> Extent {
        match (self.place.continues(&self.prefix, lineage), &self.target) {
            (_, Target::Nowhere) => Extent::Changed,
            (true, _) => wanted,
            (false, _) => Extent::All,
        }
    }

    /// Writes that `key` has `value`, encoded with postcard straight into the target.
    ///
    /// If the value refuses to be encoded, nothing is written and [`finish`](Self::finish) says so.
    ///
    /// ```
    /// use ftmb_runtime::state::{PieceWriter, Place};
    ///
    /// let (mut bytes, mut place) = (Vec::new(), Place::new());
    /// PieceWriter::new(&mut bytes, &mut place).put(b"k", "value");
    /// assert_eq!(bytes, b"\x01\x01k\x06\x05value");
    /// ```
    #[inline]
    pub fn put<V: Serialize + ?Sized>(&mut self, key: &[u8], value: &V) {
        match &mut self.target {
            Target::Buffer(buffer) => {
                let start = buffer.len();
                piece::push_head(buffer, OP_PUT, &self.prefix, key);
                let length_at = buffer.len();
                buffer.push(0);
                match whole::encode_into(buffer, value) {
                    Ok(()) => piece::patch_length(buffer, length_at),
                    Err(error) => {
                        buffer.truncate(start);
                        self.fail(error);
                    }
                }
            }
            Target::Sink(_) => {
                let mut bytes = Vec::new();
                match whole::encode_into(&mut bytes, value) {
                    Ok(()) => self.put_bytes(key, &bytes),
                    Err(error) => self.fail(error),
                }
            }
            Target::Nowhere => {}
        }
    }

    /// Writes that `key` has exactly the bytes `value`.
    ///
    /// ```
    /// use ftmb_runtime::state::{PieceWriter, Place};
    ///
    /// let (mut bytes, mut place) = (Vec::new(), Place::new());
    /// PieceWriter::new(&mut bytes, &mut place).put_bytes(b"k", b"value");
    /// assert_eq!(bytes, b"\x01\x01k\x05value");
    /// ```
    pub fn put_bytes(&mut self, key: &[u8], value: &[u8]) {
        let key = self.full_key(key);
        self.piece(Piece::Put { key: &key, value });
    }

    /// Writes that `key` is gone.
    ///
    /// ```
    /// use ftmb_runtime::state::{PieceWriter, Place};
    ///
    /// let (mut bytes, mut place) = (Vec::new(), Place::new());
    /// PieceWriter::new(&mut bytes, &mut place).remove(b"k");
    /// assert_eq!(bytes, b"\x02\x01k");
    /// ```
    pub fn remove(&mut self, key: &[u8]) {
        let key = self.full_key(key);
        self.piece(Piece::Remove { key: &key });
    }

    /// Writes that all keys of this scope that start with `prefix` are gone.
    ///
    /// ```
    /// use ftmb_runtime::state::{PieceWriter, Place};
    ///
    /// let (mut bytes, mut place) = (Vec::new(), Place::new());
    /// PieceWriter::new(&mut bytes, &mut place).clear(&[]);
    /// assert_eq!(bytes, [3, 0]);
    /// ```
    pub fn clear(&mut self, prefix: &[u8]) {
        let prefix = self.full_key(prefix);
        self.piece(Piece::Clear { prefix: &prefix });
    }

    /// Notes that the capture cannot be used; the first failure is the one that [`finish`](Self::finish) returns.
    ///
    /// ```
    /// use ftmb_runtime::state::{PieceWriter, Place, StateError};
    ///
    /// let (mut bytes, mut place) = (Vec::new(), Place::new());
    /// let mut out = PieceWriter::new(&mut bytes, &mut place);
    /// out.fail(StateError::Unfaithful { type_name: "f32" });
    /// assert!(out.finish().is_err());
    /// ```
    #[cold]
    pub fn fail(&mut self, error: StateError) {
        self.failure.slot().get_or_insert(error);
    }

    /// Ends the capture.
    ///
    /// # Errors
    ///
    /// The first failure of this writer or of one scoped from it: then the capture lacks something and is of no use,
    /// and the next one at this place must be complete ([`Extent::All`]).
    ///
    /// ```
    /// use ftmb_runtime::state::{PieceWriter, Place};
    ///
    /// let (mut bytes, mut place) = (Vec::new(), Place::new());
    /// assert!(PieceWriter::new(&mut bytes, &mut place).finish().is_ok());
    /// ```
    pub fn finish(mut self) -> Result<(), StateError> {
        self.failure.slot().take().map_or(Ok(()), Err)
    }

    fn full_key(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    fn piece(&mut self, piece: Piece<'_>) {
        match &mut self.target {
            Target::Buffer(buffer) => encode_piece(buffer, piece),
            Target::Sink(sink) => sink.piece(piece),
            Target::Nowhere => {}
        }
    }
}
