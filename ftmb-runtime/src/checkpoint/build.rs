//! Building a delta: straight into two buffers, which a later delta uses again. Invariant: a variable whose capture
//! failed leaves no bytes.

use zerocopy::{FromBytes, IntoBytes};

use super::delta::{Delta, RUN};
use super::head::{COUNT, DeltaHead, HEAD, MAGIC, RawHead, VERSION, head_crc};
use super::summary::{Summary, encode_cores};

/// Collects what one checkpoint captures.
///
/// Captures encode into it directly; nothing is copied again before the `ckpt` log. [`finish`](Self::finish) computes
/// the checksums and may wait until the cores run again.
///
/// ```
/// use ftmb_runtime::checkpoint::{DeltaBuilder, Summary};
/// use ftmb_runtime::state::{Extent, PieceWriter, Place, State};
/// let mut place = Place::new();
/// let mut builder = DeltaBuilder::new(Summary { variables: 1, ..Summary::default() });
/// builder.count(0, 7, 7);
/// builder.variable(0, |out| {
///     let mut pieces = PieceWriter::new(out, &mut place);
///     300_u32.capture(Extent::All, &mut pieces);
///     pieces.finish()
/// })?;
/// let delta = builder.finish();
/// assert_eq!(delta.variables().count(), 1);
/// let next = DeltaBuilder::reusing(Summary { number: 1, base: Some(0), variables: 1, ..Summary::default() }, delta);
/// assert_eq!(next.finish().variables().count(), 0);
/// # Ok::<(), ftmb_runtime::state::StateError>(())
/// ```
#[derive(Debug)]
pub struct DeltaBuilder {
    head: DeltaHead,
    body: Vec<u8>,
    counts: u32,
    runs: u32,
}

impl DeltaBuilder {
    /// Starts a delta.
    ///
    /// # Panics
    /// If the base is not below the number, or the number is `u64::MAX`.
    pub fn new(summary: Summary) -> DeltaBuilder {
        DeltaBuilder::with(summary, Vec::new(), Vec::new())
    }

    /// As [`new`](Self::new), in the memory of a delta that is no longer needed.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn reusing(summary: Summary, old: Delta) -> DeltaBuilder {
        let (mut head, mut body) = (old.head.bytes, old.body);
        head.clear();
        body.clear();
        DeltaBuilder::with(summary, head, body)
    }

    fn with(summary: Summary, mut bytes: Vec<u8>, body: Vec<u8>) -> DeltaBuilder {
        let ordered = summary.number < u64::MAX && summary.base.is_none_or(|base| base < summary.number);
        assert!(ordered, "checkpoint {} cannot be relative to {:?}", summary.number, summary.base);
        bytes.resize(HEAD, 0);
        encode_cores(&summary.cores, &mut bytes);
        let head = DeltaHead { counts_at: bytes.len(), bytes, summary, path: "(memory)".into() };
        DeltaBuilder { head, body, counts: 0, runs: 0 }
    }

    /// Notes the counts of a variable that was acquired since the base.
    ///
    /// # Panics
    /// If there is no such variable.
    #[inline]
    pub fn count(&mut self, id: u32, acq: u32, base: u32) {
        self.check(id);
        let mut raw = [0; COUNT];
        raw[..4].copy_from_slice(&id.to_le_bytes());
        raw[4..8].copy_from_slice(&acq.to_le_bytes());
        raw[8..].copy_from_slice(&base.to_le_bytes());
        self.head.bytes.extend_from_slice(&raw);
        self.counts += 1;
    }

    /// Takes what `capture` appends as the pieces of a variable, if anything. `capture` must only append.
    ///
    /// # Errors
    /// What `capture` returns; the variable is then not in the delta.
    ///
    /// # Panics
    /// If there is no such variable, or `capture` took bytes away.
    #[inline]
    pub fn variable<E>(&mut self, id: u32, capture: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        self.check(id);
        let start = self.body.len();
        let mut raw = [0; RUN];
        raw[..4].copy_from_slice(&id.to_le_bytes());
        self.body.extend_from_slice(&raw);
        let captured = capture(&mut self.body);
        let length = self.body.len().checked_sub(start + RUN).expect("a capture only appends");
        if captured.is_err() || length == 0 {
            self.body.truncate(start);
        } else {
            self.body[start + 4..start + RUN].copy_from_slice(&(length as u64).to_le_bytes());
            self.runs += 1;
        }
        captured
    }

    fn check(&self, id: u32) {
        assert!(id < self.head.summary.variables, "variable {id} of {}", self.head.summary.variables);
    }

    /// Bytes collected so far.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> u64 {
        (self.head.bytes.len() + self.body.len()) as u64
    }

    /// Completes the delta: lengths and checksums.
    pub fn finish(mut self) -> Delta {
        let summary = &self.head.summary;
        let raw = RawHead {
            magic: MAGIC.into(),
            version: VERSION.into(),
            crc: 0.into(),
            head_len: (self.head.bytes.len() as u64).into(),
            body_len: (self.body.len() as u64).into(),
            epoch: summary.epoch.into(),
            number: summary.number.into(),
            base: summary.base.map_or(0, |base| base + 1).into(),
            fingerprint: summary.fingerprint.into(),
            variables: summary.variables.into(),
            cores: (summary.cores.len() as u32).into(),
            counts: self.counts.into(),
            runs: self.runs.into(),
            body_crc: crc32fast::hash(&self.body).into(),
            zero: 0.into(),
        };
        self.head.bytes[..HEAD].copy_from_slice(raw.as_bytes());
        let crc = head_crc(&self.head.bytes);
        RawHead::mut_from_prefix(&mut self.head.bytes).expect("a head has at least its fixed part").0.crc = crc.into();
        Delta { head: self.head, body: self.body }
    }
}
