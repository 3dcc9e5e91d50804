//! A mapped file of plain bytes that grows, for the checkpoint image. Invariant: one writer; every access is a checked copy.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::LogError;
use super::map::{Map, allocate, io_error};

/// Bytes of a mapped file.
///
/// ```
/// use ftmb_runtime::log::Region;
/// let dir = tempfile::tempdir()?;
/// let mut region = Region::create(&dir.path().join("image"), 4096)?;
/// region.write(10, b"state");
/// region.grow(8192)?;
/// let mut back = [0; 5];
/// region.read(10, &mut back);
/// assert_eq!(&back, b"state");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Region {
    map: Map,
    file: File,
    path: PathBuf,
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Region").field("path", &self.path).field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Region {
    /// Creates (or empties) the file with `len` bytes of zeros, all allocated, mode 0600.
    ///
    /// # Errors
    /// [`LogError::Io`] with the step that failed; a full file system shows here.
    pub fn create(path: &Path, len: usize) -> Result<Region, LogError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path).map_err(io_error(path, "create"))?;
        allocate(&file, len.max(1) as u64).map_err(io_error(path, "fallocate"))?;
        Ok(Region { map: Map::of_file(&file, path)?, file, path: path.into() })
    }

    /// Maps an existing file.
    ///
    /// # Errors
    /// [`LogError::Io`] if it cannot be opened or mapped, [`LogError::Truncated`] if it is empty.
    pub fn open(path: &Path) -> Result<Region, LogError> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(io_error(path, "open"))?;
        if file.metadata().map_err(io_error(path, "stat"))?.len() == 0 {
            return Err(LogError::Truncated { path: path.into(), expected: 1, found: 0 });
        }
        Ok(Region { map: Map::of_file(&file, path)?, file, path: path.into() })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes mapped.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Never: a mapping has at least one byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the file at least `len` bytes long, allocated, and maps it anew.
    ///
    /// # Errors
    /// [`LogError::Io`]; the region stays as it was.
    pub fn grow(&mut self, len: usize) -> Result<(), LogError> {
        if len > self.len() {
            allocate(&self.file, len as u64).map_err(io_error(&self.path, "fallocate"))?;
            self.map = Map::of_file(&self.file, &self.path)?;
        }
        Ok(())
    }

    /// Copies bytes out.
    ///
    /// # Panics
    /// If the range is outside the region.
    pub fn read(&self, offset: usize, into: &mut [u8]) {
        self.map.read(offset, into);
    }

    /// Copies bytes in.
    ///
    /// # Panics
    /// If the range is outside the region.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.map.write(offset, bytes);
    }

    /// Looks at bytes in place.
    ///
    /// # Panics
    /// If the range is outside the region.
    pub fn with<R>(&self, range: Range<usize>, look: impl FnOnce(&[u8]) -> R) -> R {
        assert!(range.start <= range.end && range.end <= self.len(), "range outside the region");
        // SAFETY: inside the mapping (checked above); `write` and `grow` need `&mut self`, so nobody in this process changes
        // the bytes while `look` runs, and the file has one writer. Test: `region_reads_back_what_was_written`.
        look(unsafe { std::slice::from_raw_parts(self.map.at(range.start), range.len()) })
    }

    /// Writes the mapping back to the file system (for files on a disk; memory file systems need none).
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn flush(&self) -> Result<(), LogError> {
        self.map.flush().map_err(io_error(&self.path, "msync"))
    }
}
