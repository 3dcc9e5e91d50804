//! The bytes of an image: the mapped file, and in tests a place where the process can be made to die. Invariant: writes
//! happen in program order, as a process that is killed between two of them leaves them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{Ordering, compiler_fence};

use crate::log::{LogError, Region};

/// Growth is rounded up to this many bytes.
const STEP: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Space {
    pub(super) region: Region,
    path: PathBuf,
}

impl Space {
    pub(super) fn create(path: &Path, len: usize) -> Result<Space, LogError> {
        Ok(Space { region: Region::create(path, len.next_multiple_of(STEP))?, path: path.into() })
    }

    pub(super) fn open(path: &Path) -> Result<Space, LogError> {
        Ok(Space { region: Region::open(path)?, path: path.into() })
    }

    /// Gives the file another name.
    pub(super) fn rename(&mut self, to: &Path) -> std::io::Result<()> {
        std::fs::rename(&self.path, to)?;
        self.path = to.into();
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.region.len()
    }

    /// Makes room for `len` bytes: twice what there is, or if the file system has not that much, what is needed.
    pub(super) fn reserve(&mut self, len: usize) -> Result<(), LogError> {
        if len <= self.len() {
            return Ok(());
        }
        #[cfg(test)]
        super::tests::crash::before_growth(&self.path)?;
        let needed = len.next_multiple_of(STEP);
        let grown = match self.region.grow(needed.max(2 * self.len())) {
            Err(_) if needed < 2 * self.len() => self.region.grow(needed),
            result => result,
        };
        grown.map_err(|error| match error {
            // The region may know the file by the name under which it was made.
            LogError::Io { step, source, .. } => LogError::Io { path: self.path.clone(), step, source },
            error => error,
        })
    }

    #[inline]
    pub(super) fn read(&self, offset: usize, into: &mut [u8]) {
        self.region.read(offset, into);
    }

    #[inline]
    pub(super) fn with<R>(&self, range: Range<usize>, look: impl FnOnce(&[u8]) -> R) -> R {
        self.region.with(range, look)
    }

    #[inline]
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        #[cfg(test)]
        super::tests::crash::before_write(self, offset, bytes);
        self.region.write(offset, bytes);
    }

    /// Writes before come before writes after, also for whoever maps the file once this process was killed in between.
    #[inline]
    pub(super) fn order(&self) {
        // A killed process leaves the stores that its core had retired, in program order; only the compiler must be
        // kept from moving them. Pairs with the load of the whole file by the next process.
        compiler_fence(Ordering::SeqCst);
    }

    pub(super) fn flush(&self) -> Result<(), LogError> {
        self.region.flush()
    }
}
