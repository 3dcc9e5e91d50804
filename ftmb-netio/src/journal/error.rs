//! What can be wrong with a journal. Invariant: every variant names the file or directory, and where bytes are wrong, their place,
//! what was expected and what was found.

use std::io;
use std::path::{Path, PathBuf};

use super::format::Flaw;

/// Why a journal cannot be written, read or gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused a step; a full or broken disk shows here.
    #[error("{}: {step} failed", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// Its reason.
        #[source]
        source: io::Error,
    },
    /// Bytes before the end of the journal are not what was written.
    #[error("{}: damaged at byte {offset}: expected {expected}, found {found:#x}; what follows is whole, so it is no torn end", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Byte offset in it.
        offset: u64,
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: u64,
    },
    /// Something is missing between two parts of the journal.
    #[error("{}: at byte {offset}: {what}: expected {expected}, found {found}", path.display())]
    Gap {
        /// The segment in which it goes on.
        path: PathBuf,
        /// Where it goes on, bytes.
        offset: u64,
        /// What does not follow.
        what: &'static str,
        /// What would follow.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A file that must be there in full is not.
    #[error("{}: expected {expected}", path.display())]
    Missing {
        /// The file or directory.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
    },
    /// The journal is of another build, configuration, number of cores or layout of the state.
    #[error(
        "{}: an unfinished run of another build or configuration: expected fingerprint {expected:#018x}, found {found:#018x}; \
         go on with the program and settings that wrote it, or move it out of the way", path.display()
    )]
    Fingerprint {
        /// The run.
        path: PathBuf,
        /// What this program has.
        expected: u64,
        /// What the run has.
        found: u64,
    },
    /// Somebody else writes it.
    #[error("{}: another group writes this journal", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be written any more, and the group is to stop rather than go on without it.
    #[error("{}: the journal cannot be written, and the group stops as it was told to", path.display())]
    Stopped {
        /// The directory.
        path: PathBuf,
        /// Why it cannot be written.
        #[source]
        source: Box<JournalError>,
    },
    /// A checkpoint in the journal cannot be read or applied.
    #[error("{}: checkpoint {number}", path.display())]
    Checkpoint {
        /// The run.
        path: PathBuf,
        /// Its number.
        number: u64,
        /// What is wrong.
        #[source]
        source: Box<ftmb_runtime::checkpoint::CheckpointError>,
    },
    /// A log of the group cannot be read or made.
    #[error(transparent)]
    Log(#[from] ftmb_runtime::log::LogError),
}

pub(super) fn io_error(path: &Path, step: &'static str) -> impl FnOnce(io::Error) -> JournalError {
    move |source| JournalError::Io { path: path.into(), step, source }
}

pub(super) fn damaged(path: &Path, at: u64, flaw: Flaw) -> JournalError {
    JournalError::Damaged { path: path.into(), offset: at + flaw.at as u64, expected: flaw.expected, found: flaw.found }
}
