//! State: what may live inside a tracked variable, and how it is saved and loaded piece by piece.
//!
//! Invariant: a value restored from its pieces behaves, in everything that a program can observe, as the value that
//! was captured; this includes iteration order and which slot or index comes next.
//!
//! A value is saved as *pieces*: a small map from key bytes to value bytes ([`Piece`]). Most types are *whole*: one
//! piece with the empty key ([`whole`]). A *piecewise* type (the [collections](crate::collections), and structs that
//! contain them) writes one piece for each entry that changed. [`PieceWriter`] takes the pieces, [`PieceReader`]
//! gives them back, [`Place`] remembers at each variable what was captured there last.

mod array;
mod error;
mod impls;
mod layout;
mod piece;
mod place;
#[cfg(test)]
mod tests;
pub mod whole;
mod writer;

pub use array::Array;
pub use error::StateError;
pub use layout::Layout;
pub use piece::{Piece, PieceReader, encode_piece};
pub use place::{Lineage, Place};
pub use writer::{PieceSink, PieceWriter};

/// How much of a value a capture has to write.
///
/// # Examples
///
/// ```
/// assert_ne!(ftmb_runtime::state::Extent::All, ftmb_runtime::state::Extent::Changed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything, whatever the reader has; a piecewise value begins with a [`Piece::Clear`].
    All,
    /// What changed since the last capture at the same [`Place`].
    Changed,
}

/// Data allowed inside a tracked variable: owned, serializable, without addresses, interior mutability or random order.
///
/// Use `#[derive(State)]` or `#[ftmb::state]`. By hand, a type that is captured whole looks like the example; every
/// method has to be written, since a forgotten one would be found only after a crash.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{whole, Extent, Layout, Piece, PieceReader, PieceWriter, Place, State, StateError};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Lease {
///     port: u16,
///     expires: u64,
/// }
///
/// impl State for Lease {
///     const PIECEWISE: bool = false;
///
///     fn layout(layout: &mut Layout) {
///         layout.token("struct Lease");
///         layout.token("port");
///         layout.of::<u16>();
///         layout.token("expires");
///         layout.of::<u64>();
///     }
///     fn capture(&mut self, _extent: Extent, out: &mut PieceWriter<'_>) {
///         whole::capture_whole(self, out);
///     }
///     fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError> {
///         whole::restore_whole(self, piece)
///     }
///     fn restored(&mut self) -> Result<(), StateError> {
///         Ok(())
///     }
/// }
///
/// let mut bytes = Vec::new();
/// let mut place = Place::new();
/// let mut out = PieceWriter::new(&mut bytes, &mut place);
/// Lease { port: 80, expires: 7 }.capture(Extent::All, &mut out);
/// out.finish()?;
///
/// let mut copy = Lease { port: 0, expires: 0 };
/// for piece in PieceReader::new(&bytes) {
///     copy.restore(piece?)?;
/// }
/// copy.restored()?;
/// assert_eq!(copy, Lease { port: 80, expires: 7 });
/// # Ok::<(), StateError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept inside a tracked variable",
    label = "not `State`: a restored copy might behave differently, and replay would diverge",
    note = "annotate your own type with `#[ftmb::state]` or `#[derive(State)]`",
    note = "std's `HashMap` and `HashSet` iterate in random order: use ftmb's, which keep their order across a restore"
)]
pub trait State: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static {
    /// Whether the value saves itself in several pieces and tracks what changed. False: always one piece with the
    /// empty key, the postcard encoding of the whole.
    const PIECEWISE: bool;

    /// Feeds the structure of the type into `layout`: names, kinds, and with [`Layout::of`] the types inside.
    fn layout(layout: &mut Layout);

    /// Writes the value, or what changed since it was last captured, and starts a new interval of change tracking.
    ///
    /// Called only if the value may have changed since, or with [`Extent::All`]. A failure is left in `out`.
    fn capture(&mut self, extent: Extent, out: &mut PieceWriter<'_>);

    /// Takes over one piece. Doing so twice, or again after later pieces of the same batch, changes nothing more.
    ///
    /// # Errors
    ///
    /// The piece is none that `capture` writes.
    fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError>;

    /// Ends a batch of pieces: checks that they form a value, rebuilds what is derived, forgets tracked changes.
    ///
    /// # Errors
    ///
    /// The pieces contradict each other. The value is then valid but unspecified (a collection is empty).
    fn restored(&mut self) -> Result<(), StateError>;
}
