//! What can go wrong outside the middlebox. Invariant: every variant says where, what was expected and what was found.

use std::io;
use std::path::PathBuf;

use ftmb_runtime::checkpoint::CheckpointError;
use ftmb_runtime::log::LogError;
use ftmb_runtime::release::ReleaseError;

use crate::group_record::MemberError;
use crate::journal::JournalError;
use crate::port::PortError;

/// Why a gateway, a logger or the supervisor cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A log or the group record.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A determinant log does not make sense.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A staged checkpoint or the image.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The operating system refused a step.
    #[error("{}: {step} failed", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// Its reason.
        #[source]
        source: io::Error,
    },
    /// Something has no room in a frame.
    #[error("{what} has at most {expected} bytes, found {found}")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// Its greatest length.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// The file system has no room for the logs.
    #[error(
        "{}: no room for the logs of {cores} cores: they need at least {need} bytes, expected within {share} % of \
         the {free} bytes that are free", path.display()
    )]
    NoSpace {
        /// The directory.
        path: PathBuf,
        /// Cores.
        cores: usize,
        /// Bytes of all logs at their smallest (or as they were asked for).
        need: u64,
        /// Bytes free.
        free: u64,
        /// Share of the free bytes that logs may take, percent.
        share: u64,
    },
    /// A log size was asked for that cannot work.
    #[error("log size `{what}`: expected a power of two of at least {expected} bytes, found {found}")]
    LogSize {
        /// Which log.
        what: &'static str,
        /// Smallest that works.
        expected: u64,
        /// What was asked for.
        found: u64,
    },
    /// A directory belongs to somebody else, or others may enter it.
    #[error("{}: expected a directory of user {expected} with mode 0700, found user {found} with mode {mode:04o}", path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// This user.
        expected: u32,
        /// Its owner.
        found: u32,
        /// Its mode.
        mode: u32,
    },
    /// A group of this name is running.
    #[error("{}: a group of this name is running (process {pid})", path.display())]
    InUse {
        /// Its directory.
        path: PathBuf,
        /// One of its processes.
        pid: u32,
    },
    /// An output that replay made again is not the one that was released.
    #[error(
        "core {core}: output {ordinal} was made again differently: expected hash {expected:#018x}, found {found:#018x}; \
         the middlebox is not deterministic"
    )]
    Divergence {
        /// The core.
        core: usize,
        /// Its output.
        ordinal: u64,
        /// Hash chain as released.
        expected: u64,
        /// Hash chain as made again.
        found: u64,
    },
    /// An output is not the next one of its core.
    #[error("{}: position {position}: core {core}: expected output {expected}, found {found}", path.display())]
    OutOfSequence {
        /// The `out` log.
        path: PathBuf,
        /// Where the frame starts.
        position: u64,
        /// The core.
        core: usize,
        /// Next ordinal.
        expected: u64,
        /// The frame's.
        found: u64,
    },
    /// A frame of a log is not what that log carries.
    #[error("{}: position {position}: expected {expected}, found kind {kind} of {length} bytes", path.display())]
    Frame {
        /// The log.
        path: PathBuf,
        /// Where the frame starts.
        position: u64,
        /// What should be there.
        expected: &'static str,
        /// Its kind.
        kind: u8,
        /// Bytes of its payload.
        length: usize,
    },
    /// The committed checkpoint does not fit the group record.
    #[error("committed checkpoint: {what}: expected {expected}, found {found}")]
    Base {
        /// What does not fit.
        what: &'static str,
        /// By the group record.
        expected: u64,
        /// By the checkpoint.
        found: u64,
    },
    /// A member gave up in a way that trying again does not help.
    #[error(
        "member {slot} of epoch {epoch} gave up: {error:?} (core {}, input position {}); its output says more",
        detail >> 56, detail & ((1 << 56) - 1)
    )]
    Member {
        /// Its slot.
        slot: usize,
        /// The epoch.
        epoch: u64,
        /// Why.
        error: MemberError,
        /// Core and input position.
        detail: u64,
    },
    /// Takeover after takeover failed without a checkpoint in between.
    #[error("{failures} recoveries in a row without a checkpoint in between, last of epoch {epoch}: giving up")]
    NoProgress {
        /// How many.
        failures: u64,
        /// The last epoch.
        epoch: u64,
    },
    /// A process could not be started.
    #[error("member {slot}: the process could not be started")]
    Spawn {
        /// Its slot.
        slot: usize,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// A process cannot be watched or killed, so it cannot be fenced.
    #[error("process {pid}: {step} failed")]
    Process {
        /// The process.
        pid: u32,
        /// What was tried.
        step: &'static str,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// Ports that the group cannot have.
    #[error("ports: expected {expected}, found {found}")]
    Ports {
        /// What is possible.
        expected: &'static str,
        /// What was asked for.
        found: usize,
    },
}

impl Error {
    /// A number for [`GroupRecord::set_ended`](crate::group_record::GroupRecord::set_ended): never 0 or 1.
    pub fn code(&self) -> u64 {
        match self {
            Error::Divergence { .. } => 2,
            Error::Member { error: MemberError::Divergence, .. } => 2,
            Error::Member { .. } => 3,
            Error::NoProgress { .. } => 4,
            Error::NoSpace { .. } => 5,
            Error::OutOfSequence { .. } | Error::Frame { .. } | Error::Release(_) | Error::Log(_) => 6,
            Error::Journal(_) => 7,
            _ => 9,
        }
    }

    /// Whether another gateway process can do no better: what diverged or is damaged stays so.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Error::Divergence { .. }
                | Error::Member { .. }
                | Error::NoProgress { .. }
                | Error::OutOfSequence { .. }
                | Error::Frame { .. }
                | Error::Release(_)
                | Error::Journal(
                    JournalError::Stopped { .. } | JournalError::Damaged { .. } | JournalError::Gap { .. }
                )
                | Error::Log(LogError::Torn { .. } | LogError::Foreign { .. } | LogError::Mismatch { .. })
        )
    }
}

pub(crate) fn io_error(path: &std::path::Path, step: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { path: path.into(), step, source }
}
