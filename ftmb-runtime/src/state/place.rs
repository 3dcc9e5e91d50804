//! Places: whether what a value says has changed is relative to what was last captured *here*.
//!
//! Invariant: a place and a lineage hold the same token only if the last capture at that place was of that very
//! collection, and it was not captured anywhere else since. Tokens are unique in the process.
//!
//! A collection knows which of its entries changed since it was last captured. Yet values move: a program may swap the
//! maps of two variables, replace one by another, take one out and put it back. Then "changed since the last
//! capture" says nothing about what the standby has under that variable. So each tracked variable owns a [`Place`], each
//! piecewise value a [`Lineage`], and a capture is incremental only where the two agree.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was last captured at one tracked variable: owned by whoever captures, one for each variable.
///
/// If what was captured gets lost (the checkpoint is given up), replace the place by a new one: the next capture is then
/// complete.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::HashMap;
/// use ftmb_runtime::state::{Extent, PieceReader, PieceWriter, Place, State};
///
/// let mut place = Place::new();
/// let mut map = HashMap::from_iter([(1u8, 'a'), (2, 'b'), (3, 'c')]);
/// let mut first = Vec::new();
/// map.capture(Extent::Changed, &mut PieceWriter::new(&mut first, &mut place));
/// assert_eq!(PieceReader::new(&first).count(), 5); // clear, three slots, counts
///
/// map.insert(2, 'z');
/// let mut second = Vec::new();
/// map.capture(Extent::Changed, &mut PieceWriter::new(&mut second, &mut place));
/// assert_eq!(PieceReader::new(&second).count(), 2); // one slot, counts
/// ```
#[derive(Debug, Default)]
pub struct Place {
    /// The token last seen under each key prefix; few, so a list.
    scopes: Vec<(Box<[u8]>, u64)>,
}

impl Place {
    /// A place where nothing has been captured: the first capture writes everything.
    ///
    /// ```
    /// let place = ftmb_runtime::state::Place::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a capture of `lineage` under `prefix`; true if it continues the one before.
    pub(super) fn continues(&mut self, prefix: &[u8], lineage: &mut Lineage) -> bool {
        let before = lineage.token;
        lineage.token = fresh_token();
        match self.scopes.iter_mut().find(|(scope, _)| **scope == *prefix) {
            Some((_, token)) => std::mem::replace(token, lineage.token) == before,
            None => {
                self.scopes.push((prefix.into(), lineage.token));
                false
            }
        }
    }
}

/// What a piecewise value remembers of its last capture; compared with the [`Place`] by
/// [`PieceWriter::extent`](super::PieceWriter::extent).
///
/// It belongs to one value: a copy of the value starts with a lineage of its own, which is why this type is not `Clone`.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::{Extent, Lineage, PieceWriter, Place};
///
/// let (mut place, mut mine, mut other) = (Place::new(), Lineage::new(), Lineage::new());
/// let mut bytes = Vec::new();
/// let mut writer = PieceWriter::new(&mut bytes, &mut place);
/// assert_eq!(writer.extent(Extent::Changed, &mut mine), Extent::All); // nothing was captured here before
/// assert_eq!(writer.extent(Extent::Changed, &mut mine), Extent::Changed);
/// assert_eq!(writer.extent(Extent::Changed, &mut other), Extent::All); // another value took its place
/// ```
#[derive(Debug, Default)]
pub struct Lineage {
    /// Zero: never captured. No place ever holds zero.
    token: u64,
}

impl Lineage {
    /// The lineage of a value that was never captured.
    ///
    /// ```
    /// let lineage = ftmb_runtime::state::Lineage::new();
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { token: 0 }
    }
}

/// A number that no other lineage or place of this process has.
fn fresh_token() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::SeqCst)
}
