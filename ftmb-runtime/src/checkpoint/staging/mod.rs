//! The keeper's side of the `ckpt` log: every delta becomes a file, before its commit. Invariant: the log is trimmed
//! only behind bytes that are in a file, and a file of a delta's final name is whole and checked.
//!
//! ```text
//! stage/<epoch>-<number>.<begin>-<length>.part   being received; where it begins in the log, and its bytes in all
//! stage/<epoch>-<number>                         staged: exactly the bytes of the delta (see `delta`)
//! ```
//!
//! All that a new keeper must know about a half-received delta is in its name, so it cannot be half-written, and where
//! a chunk goes follows from its position in the log: a new keeper goes on where the log is trimmed to, and what its
//! predecessor wrote without trimming is written again. The files survive the process; surviving the host is the file
//! system's business.

mod dir;
mod files;
mod receive;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use dir::{StageDir, StagedFile};

use super::delta::Delta;
use super::error::CheckpointError;
use crate::log::{FrameReader, Log};
use files::{Disk, Files};
use receive::{Outcome, Receiver};

/// A delta that has arrived completely and waits for its commit.
#[derive(Debug)]
pub struct Staged {
    /// The epoch whose master took the checkpoint.
    pub epoch: u64,
    /// Its number.
    pub number: u64,
    /// Its file.
    pub path: PathBuf,
    /// Its contents, checked; [`Delta::open`] of the path gives the same.
    pub delta: Delta,
}

/// Receives deltas from the `ckpt` log. One process at a time, the keeper, has it, and with it the right to trim that
/// log.
///
/// See [`DeltaSender`](super::DeltaSender) for an example.
#[derive(Debug)]
pub struct Staging {
    log: Log,
    reader: FrameReader,
    receiver: Receiver,
}

impl Staging {
    /// Continues where `log` is trimmed to, with what the previous keeper left in the directory, which is created if it
    /// is not there. Part files that the log no longer continues are removed.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn open(dir: &Path, log: Log) -> Result<Staging, CheckpointError> {
        Staging::with_files(dir, log, Box::new(Disk))
    }

    fn with_files(dir: &Path, log: Log, files: Box<dyn Files>) -> Result<Staging, CheckpointError> {
        let receiver = Receiver::resume(StageDir::create(dir)?, log.trimmed(), files)?;
        Ok(Staging { reader: log.reader(log.trimmed()), log, receiver })
    }

    /// Takes what is published, up to the end of the next delta, trims the log behind it, and returns the delta if it
    /// is whole; `None` when nothing more is published. Ring the master if [`position`](Self::position) moved: the log
    /// has room again. After a restart of the keeper a delta may be returned that its predecessor had returned.
    ///
    /// # Errors
    /// `Io`: nothing is lost, call again when the cause is gone (a full file system). `Log`: the log itself is damaged.
    /// Anything else is an error in what was received: that delta is discarded, further calls go on behind it.
    pub fn step(&mut self) -> Result<Option<Staged>, CheckpointError> {
        self.step_below(u64::MAX)
    }

    /// As [`step`](Self::step), but frames that start at `limit` or later are not there.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_below(&mut self, limit: u64) -> Result<Option<Staged>, CheckpointError> {
        loop {
            let at = self.reader.position();
            let Some(frame) = self.reader.next_below(limit)? else { return Ok(None) };
            let next = frame.next;
            let outcome = match self.receiver.take(&frame, self.log.path()) {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.reader.seek(at);
                    return Err(error);
                }
            };
            self.log.trim(next);
            match outcome {
                Outcome::Taken => {}
                Outcome::Staged(staged) => return Ok(Some(*staged)),
                Outcome::Refused(error) => {
                    self.receiver.refuse()?;
                    return Err(error);
                }
            }
        }
    }

    /// For an epoch that is fenced: takes what lies below its closing position in the `ckpt` log, and when that returns
    /// `None`, discards what is incomplete. Call it until then.
    ///
    /// ```
    /// use ftmb_runtime::checkpoint::{DeltaBuilder, DeltaSender, Staging, Summary};
    /// use ftmb_runtime::log::{Log, LogKind, LogSpec};
    /// let log = Log::anonymous(LogSpec { kind: LogKind::Ckpt, capacity: 1 << 17, fingerprint: 7 })?;
    /// let mut builder = DeltaBuilder::new(Summary { variables: 1, ..Summary::default() });
    /// builder.variable(0, |out| Ok::<_, ()>(out.resize(1 << 20, 0))).expect("it does not fail");
    /// DeltaSender::new(builder.finish()).step(&mut log.writer()?); // the log is full, and the master dies
    /// let dir = tempfile::tempdir()?;
    /// let mut staging = Staging::open(dir.path(), log.clone())?;
    /// assert!(staging.close(log.tail())?.is_none());
    /// assert_eq!((log.used(), std::fs::read_dir(dir.path())?.count()), (0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn close(&mut self, at: u64) -> Result<Option<Staged>, CheckpointError> {
        let staged = self.step_below(at)?;
        if staged.is_none() {
            self.receiver.refuse()?;
        }
        Ok(staged)
    }

    /// Position in the `ckpt` log up to which everything is in files.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    /// The directory.
    pub fn dir(&self) -> &StageDir {
        self.receiver.dir()
    }
}
