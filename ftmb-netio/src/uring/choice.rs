//! Which engine serves a file: asked for, told by the environment, or found by the probe.
//!
//! Invariant: nobody gets another engine than the one they asked for by name; only [`EngineChoice::Auto`] chooses.

use std::ffi::OsString;
use std::fs::File;
use std::str::FromStr;
use std::sync::Once;

use thiserror::Error;

use super::file::{EngineKind, FileIo};
use super::plain::PlainFile;
use super::ring::{UringUnavailable, probe};

/// How the engine of a file is chosen.
///
/// ```
/// use ftmb_netio::uring::{EngineChoice, EngineKind};
///
/// let engine = EngineChoice::Plain.open(tempfile::tempfile()?)?;
/// assert_eq!(engine.kind(), EngineKind::Plain);
/// assert_eq!("uring".parse::<EngineChoice>()?, EngineChoice::Uring);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// What the environment variable [`EngineChoice::VARIABLE`] says; without it, io_uring if it may be used.
    #[default]
    Auto,
    /// Plain system calls.
    Plain,
    /// io_uring, or an error.
    Uring,
}

/// Why a file got no engine.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// io_uring was asked for by name and cannot be used.
    #[error(transparent)]
    Unavailable(#[from] UringUnavailable),
    /// No engine has this name.
    #[error("unknown file engine `{found}` (expected auto, plain or uring)")]
    Unknown {
        /// The name.
        found: String,
    },
}

static SAID: Once = Once::new();

impl EngineChoice {
    /// The environment variable that [`EngineChoice::Auto`] looks at: `auto`, `plain` or `uring`.
    pub const VARIABLE: &str = "FTMB_FILE_IO";

    /// An engine for `file`, which must be seekable.
    ///
    /// # Errors
    /// [`EngineError`] if io_uring is insisted on where it cannot be used, or the environment names no engine.
    pub fn open(self, file: File) -> Result<Box<dyn FileIo>, EngineError> {
        let (engine, reason) = self.decide(file, || std::env::var_os(EngineChoice::VARIABLE))?;
        SAID.call_once(|| match engine.kind() {
            EngineKind::Uring => tracing::info!(engine = "io_uring", reason, "files are read and written"),
            EngineKind::Plain => tracing::info!(engine = "plain system calls", reason, "files are read and written"),
        });
        Ok(engine)
    }

    pub(super) fn decide(
        self,
        file: File,
        variable: impl FnOnce() -> Option<OsString>,
    ) -> Result<(Box<dyn FileIo>, String), EngineError> {
        let (choice, reason) = match (self, (self == EngineChoice::Auto).then(variable).flatten()) {
            (EngineChoice::Auto, Some(name)) => {
                (name.to_string_lossy().parse()?, format!("{} says so", EngineChoice::VARIABLE))
            }
            (asked, _) => (asked, "asked for".to_owned()),
        };
        match choice {
            EngineChoice::Plain => Ok((Box::new(PlainFile::new(file)), reason)),
            EngineChoice::Uring => Ok((Box::new(probe()?.serve(file)), reason)),
            EngineChoice::Auto => match probe() {
                Ok(ring) => Ok((Box::new(ring.serve(file)), "the probe passed".to_owned())),
                Err(reason) => Ok((Box::new(PlainFile::new(file)), reason.to_string())),
            },
        }
    }
}

impl FromStr for EngineChoice {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<EngineChoice, EngineError> {
        match name {
            "auto" => Ok(EngineChoice::Auto),
            "plain" => Ok(EngineChoice::Plain),
            "uring" => Ok(EngineChoice::Uring),
            _ => Err(EngineError::Unknown { found: name.to_owned() }),
        }
    }
}
