//! What can go wrong between a flip and a loaded image: one error type for the room. Invariant: every variant names the
//! file, and where bytes are wrong, their position, what was expected and what was found.

use std::path::{Path, PathBuf};

use crate::log::LogError;
use crate::state::StateError;

/// Why a delta, a staged file or an image could not be written, read or applied.
///
/// ```
/// use ftmb_runtime::checkpoint::{CheckpointError, Delta};
/// let error = Delta::parse(vec![b'?'; 100]);
/// assert!(matches!(error, Err(CheckpointError::Foreign { .. })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused a step; a full file system shows here.
    #[error("{}: {step} failed", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// Its reason.
        #[source]
        source: std::io::Error,
    },
    /// The `ckpt` log or the mapping of the image failed; a file system too full for the image to grow shows here.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The file does not start with the expected magic number.
    #[error("{}: at byte 0: not a file of ftmb: expected magic {expected:#018x}, found {found:#018x}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The magic number.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// The file is whole but not for this program, or not the one that was asked for.
    #[error("{}: at byte {position}: {what}: expected {expected:#x}, found {found:#x}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Byte offset in the file.
        position: u64,
        /// Which field.
        what: &'static str,
        /// What this program needs.
        expected: u64,
        /// What the file has.
        found: u64,
    },
    /// The file is shorter than it must be.
    #[error("{}: truncated: expected {expected} bytes, found {found}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes needed.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// Bytes are not what was written.
    #[error("{}: damaged at byte {position}: expected {expected}, found {found:#x}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Byte offset in the file, or position in the log.
        position: u64,
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: u64,
    },
    /// The checksums agree but the pieces of a variable are none.
    #[error("{}: pieces of variable {variable}, which start at byte {position}", path.display())]
    Pieces {
        /// The file.
        path: PathBuf,
        /// Whose pieces.
        variable: u32,
        /// Where the run of its pieces starts.
        position: u64,
        /// What is wrong with them.
        #[source]
        source: StateError,
    },
    /// A key, a value or the whole image is larger than its format can hold.
    #[error("{}: {what}: at most {limit} bytes, found {found}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is too large.
        what: &'static str,
        /// The limit, bytes.
        limit: u64,
        /// Its size, bytes.
        found: u64,
    },
    /// A delta continues another checkpoint than the one that the image holds.
    #[error(
        "{}: checkpoint {number} is relative to {}, but the image holds {}",
        path.display(), name(*base), name(*applied)
    )]
    WrongBase {
        /// The image.
        path: PathBuf,
        /// The delta's number.
        number: u64,
        /// What it is relative to.
        base: Option<u64>,
        /// What the image holds.
        applied: Option<u64>,
    },
    /// The image holds something that is not the committed checkpoint, and no staged file leads there.
    #[error(
        "{}: the image holds {} (begun: {}), which nothing in {} continues to committed checkpoint {committed}",
        path.display(), name(*applied), name(*begun), stage.display()
    )]
    NotCommitted {
        /// The image.
        path: PathBuf,
        /// The directory of staged files.
        stage: PathBuf,
        /// The committed checkpoint.
        committed: u64,
        /// What the image holds.
        applied: Option<u64>,
        /// What somebody last began to apply to it.
        begun: Option<u64>,
    },
    /// Another process has the image open to change it, and is not done.
    #[error("{}: another process is changing the image, which holds {}", path.display(), name(*applied))]
    Busy {
        /// The image.
        path: PathBuf,
        /// What it holds, as far as one can tell.
        applied: Option<u64>,
    },
}

fn name(number: Option<u64>) -> String {
    number.map_or_else(|| "no checkpoint".into(), |number| format!("checkpoint {number}"))
}

pub(super) fn io_error(path: &Path, step: &'static str) -> impl FnOnce(std::io::Error) -> CheckpointError {
    move |source| CheckpointError::Io { path: path.into(), step, source }
}

pub(super) fn damaged(path: &Path, position: u64, expected: &'static str, found: u64) -> CheckpointError {
    CheckpointError::Damaged { path: path.into(), position, expected, found }
}
