//! The committed checkpoint, as far as release and recovery need it. Invariant: positions and all counts are of one and the same
//! checkpoint, the one that the group record says is committed.

use std::path::Path;
use std::time::{Duration, Instant};

use ftmb_runtime::checkpoint::{CorePoint, DeltaHead, Image, StageDir};

use crate::error::Error;

/// How long a restarted gateway waits for a keeper to finish what it is doing.
const PATIENCE: Duration = Duration::from_secs(5);

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

    /// Reads checkpoint `committed` from the image and the staged files beside it, whatever their keeper is doing: it is tried
    /// for some seconds while the keeper is at work.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for what is damaged or stays locked, [`Error::Base`] if there is no such checkpoint.
    pub fn load(image: &Path, stage: &Path, fingerprint: u64, committed: u64) -> Result<Base, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match Base::try_load(image, stage, fingerprint, committed) {
                Ok(base) => return Ok(base),
                Err(error) => error,
            };
            if Instant::now() >= deadline {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn try_load(path: &Path, stage: &Path, fingerprint: u64, committed: u64) -> Result<Base, Error> {
        if !path.exists() {
            // The keeper died (or has not come) between the commit of checkpoint 0 and the image.
            let missing = Error::Base { what: "number + 1 of an image", expected: committed + 1, found: 0 };
            let file = StageDir::create(stage)?.committed(committed)?.ok_or(missing)?;
            let mut base = Base::default();
            base.advance(&DeltaHead::open(&file.path)?, true)?;
            return Ok(base);
        }
        let image = Image::load(path, fingerprint, committed, stage)?;
        let mut base = Base {
            epoch: image.epoch(),
            number: committed,
            cores: image.cores().iter().map(BasePoint::from).collect(),
            counts: vec![(0, 0); image.variable_count() as usize],
        };
        for count in image.counts() {
            base.counts[count.id as usize] = (count.acq, count.base);
        }
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
