//! What can be wrong with a mapped file: every variant names the file, the position, what was expected and what was found.

use std::path::PathBuf;

/// Why a log, a words file or a region could not be made, opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The operating system refused a step.
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
    /// The file is of another version, kind, or of another build, configuration or layout of the state.
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
    /// Bytes that should be a frame or a header are not.
    #[error("{}: torn at position {position}: expected {expected}, found {found:#x}", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
        /// Position in the log.
        position: u64,
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: u64,
    },
    /// A position was asked for that the log does not hold.
    #[error("{}: position {position} is not retained: the log holds {trimmed}..{tail}", path.display())]
    NotRetained {
        /// The file.
        path: PathBuf,
        /// The position asked for.
        position: u64,
        /// First retained position.
        trimmed: u64,
        /// Published tail.
        tail: u64,
    },
    /// A ring must be a power of two and not too small.
    #[error("{}: capacity: expected a power of two of at least {} bytes, found {found}", path.display(), super::MIN_CAPACITY)]
    Capacity {
        /// The file.
        path: PathBuf,
        /// The capacity asked for.
        found: u64,
    },
}
