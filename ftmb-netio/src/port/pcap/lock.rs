//! One writer a file: advisory locks on captures.
//!
//! Invariant: a lock ends with its [`Lock`], also while a child that another thread has just forked still holds a copy
//! of the descriptor; so it is given back by name, not by closing.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::super::PortError;

/// How often, and how far apart, a lock that somebody holds is tried: a killed predecessor's goes when the kernel has
/// taken its process apart.
const PATIENCE: (u32, Duration) = (40, Duration::from_millis(25));

/// A lock on a file, given back when dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

/// Who else may have the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Those who read it.
    Readers,
    /// Nobody.
    Nobody,
    /// Nobody; a predecessor that is about to be gone is waited for.
    NobodyAfterPredecessor,
}

impl Lock {
    pub(super) fn take(path: &Path, file: &File, sharing: Sharing) -> Result<Lock, PortError> {
        let io =
            |source| PortError::Io { path: path.to_owned(), offset: 0, doing: "duplicate the descriptor of", source };
        let lock = Lock { file: file.try_clone().map_err(io)?, path: path.to_owned() };
        let tries = if sharing == Sharing::NobodyAfterPredecessor { PATIENCE.0 } else { 1 };
        for attempt in 1..=tries {
            let taken = if sharing == Sharing::Readers { file.try_lock_shared() } else { file.try_lock() };
            match taken {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if attempt < tries => sleep(PATIENCE.1),
                Err(TryLockError::WouldBlock) => break,
                // Some file systems have no locks; then nobody has one.
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(file = %path.display(), %error, "file cannot be locked");
                    return Ok(lock);
                }
            }
        }
        Err(PortError::InUse { path: path.to_owned() })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::debug!(file = %self.path.display(), %error, "file cannot be unlocked");
        }
    }
}
