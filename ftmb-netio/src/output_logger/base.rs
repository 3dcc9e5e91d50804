//! The committed checkpoint, as far as release and recovery need it. Invariant: positions and all counts are of one and the same
//! checkpoint, the one that the group record says is committed.

use ftmb_runtime::checkpoint::{CorePoint, DeltaHead, Image, StageDir};

use crate::error::Error;

/// One core at the flip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BasePoint {
    /// Position in its `in` log, bytes.
    pub in_pos: u64,
    /// Position in the `det` log of the checkpoint's epoch, words.
    pub det_pos: u64,
    /// Position in the `out` log of the checkpoint's epoch, bytes.
    pub out_pos: u64,
    /// Ordinal of its last output.
    pub ordinal: u64,
    /// Hash chain up to it.
    pub hash: u64,
}

impl From<&CorePoint> for BasePoint {
    fn from(point: &CorePoint) -> BasePoint {
        let CorePoint { in_pos, det_pos, out_pos, ordinal, hash, .. } = *point;
        BasePoint { in_pos, det_pos, out_pos, ordinal, hash }
    }
}

/// A committed checkpoint without its state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// The epoch whose master took it.
    pub epoch: u64,
    /// Its number.
    pub number: u64,
    /// Per core.
    pub cores: Vec<BasePoint>,
    /// Per variable: acquisitions, and acquisitions just after the last exclusive one.
    pub counts: Vec<(u32, u32)>,
}

impl Base {
    /// Before checkpoint 0: no variables known, everything at zero.
    pub(super) fn none(cores: usize) -> Base {
        Base { cores: vec![BasePoint::default(); cores], ..Base::default() }
    }

    /// What an image holds. With `staged`, the directory beside it, also a committed delta that nobody has applied yet.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the staged file is damaged; [`Error::Base`] if image and staged file together do not make up
    /// checkpoint `committed`.
    pub fn of_image(image: &Image, staged: &StageDir, committed: u64) -> Result<Base, Error> {
        let mut base = Base {
            epoch: image.epoch(),
            number: image.applied().unwrap_or(0),
            cores: image.cores().iter().map(BasePoint::from).collect(),
            counts: vec![(0, 0); image.variable_count() as usize],
        };
        for count in image.counts() {
            base.counts[count.id as usize] = (count.acq, count.base);
        }
        if image.applied() == Some(committed) {
            return Ok(base);
        }
        let missing = || Error::Base {
            what: "number + 1 of image and staged files",
            expected: committed + 1,
            found: image.applied().map_or(0, |n| n + 1),
        };
        let file = staged.committed(committed)?.ok_or_else(missing)?;
        base.advance(&DeltaHead::open(&file.path)?, image.applied().is_none())?;
        Ok(base)
    }

    /// Moves on by one delta; `first`: it is complete, relative to nothing.
    pub(super) fn advance(&mut self, head: &DeltaHead, first: bool) -> Result<(), Error> {
        let summary = head.summary();
        let wrong = |what, expected, found| Err(Error::Base { what, expected, found });
        match (first, summary.base) {
            (true, Some(base)) => return wrong("base + 1", 0, base + 1),
            (false, base) if base != Some(self.number) => {
                return wrong("base + 1", self.number + 1, base.map_or(0, |base| base + 1));
            }
            _ => {}
        }
        if !self.cores.is_empty() && summary.cores.len() != self.cores.len() {
            return wrong("number of cores", self.cores.len() as u64, summary.cores.len() as u64);
        }
        if first {
            self.counts = vec![(0, 0); summary.variables as usize];
        } else if summary.variables as usize != self.counts.len() {
            return wrong("number of variables", self.counts.len() as u64, summary.variables.into());
        }
        for count in head.counts() {
            self.counts[count.id as usize] = (count.acq, count.base);
        }
        (self.epoch, self.number) = (summary.epoch, summary.number);
        self.cores = summary.cores.iter().map(BasePoint::from).collect();
        Ok(())
    }
}
