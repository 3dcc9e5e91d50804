//! One mapped file. Invariant: every access is bounds-checked here, except through the raw pointers that `frames` and `words`
//! take, which check against the ring themselves.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapMut, MmapOptions, MmapRaw};

use super::LogError;

/// Bytes before the ring.
pub(super) const HEADER_LEN: usize = 4096;

pub(super) struct Map {
    raw: MmapRaw,
}

pub(super) fn io_error(path: &Path, step: &'static str) -> impl FnOnce(io::Error) -> LogError {
    move |source| LogError::Io { path: path.into(), step, source }
}

impl Map {
    pub(super) fn open(path: &Path) -> Result<Map, LogError> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(io_error(path, "open"))?;
        let len = file.metadata().map_err(io_error(path, "stat"))?.len();
        if len == 0 {
            return Err(LogError::Truncated { path: path.into(), expected: HEADER_LEN as u64, found: 0 });
        }
        Map::of_file(&file, path)
    }

    pub(super) fn of_file(file: &File, path: &Path) -> Result<Map, LogError> {
        let raw = MmapOptions::new().map_raw(file).map_err(io_error(path, "mmap"))?;
        Ok(Map { raw })
    }

    pub(super) fn anonymous(len: usize, path: &Path) -> Result<Map, LogError> {
        let map = MmapMut::map_anon(len).map_err(io_error(path, "mmap"))?;
        Ok(Map { raw: map.into() })
    }

    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// Pointer to a byte of the mapping.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.len(), "offset {offset} outside a mapping of {} bytes", self.len());
        // SAFETY: the offset is inside the mapping (checked above), which lives as long as `self`; callers that keep the
        // pointer keep the `Log` alive. Test: `frames_at_the_end_of_the_ring_run_into_the_slack`, under address checks.
        unsafe { self.raw.as_mut_ptr().add(offset) }
    }

    pub(super) fn atomic(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len(), "word at {offset} outside the mapping");
        // SAFETY: aligned (mappings are page-aligned, offset is a multiple of 8) and inside (checked above); all processes
        // access these words only as atomics. Test: `two_mappings_of_one_file_see_each_other`.
        unsafe { &*self.at(offset).cast::<AtomicU64>() }
    }

    pub(super) fn u64(&self, offset: usize) -> u64 {
        let mut bytes = [0; 8];
        self.read(offset, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    pub(super) fn read(&self, offset: usize, into: &mut [u8]) {
        assert!(offset + into.len() <= self.len(), "read outside the mapping");
        // SAFETY: source inside the mapping (checked above), destination a distinct live slice. Other processes may write
        // these bytes only by the protocol of the file's owner. Test: `region_reads_back_what_was_written`.
        unsafe { std::ptr::copy_nonoverlapping(self.at(offset), into.as_mut_ptr(), into.len()) }
    }

    pub(super) fn write(&self, offset: usize, from: &[u8]) {
        assert!(offset + from.len() <= self.len(), "write outside the mapping");
        // SAFETY: as in `read`, the other way round; the caller is the file's one writer.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), self.at(offset), from.len()) }
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        self.raw.flush()
    }
}

/// Makes a file with all its space allocated and renames it into place when `fill` has written its header.
pub(super) fn fallocate_new(path: &Path, len: u64, fill: impl FnOnce(&Map)) -> Result<Map, LogError> {
    let mut incomplete = path.as_os_str().to_owned();
    incomplete.push(".incomplete");
    let incomplete = Path::new(&incomplete);
    let made = (|| {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(incomplete)
            .map_err(io_error(path, "create"))?;
        allocate(&file, len).map_err(io_error(path, "fallocate"))?;
        let map = Map::of_file(&file, path)?;
        fill(&map);
        std::fs::rename(incomplete, path).map_err(io_error(path, "rename"))?;
        Ok(map)
    })();
    if made.is_err() {
        // The half-made file is of no use to anybody; that it may not exist is fine.
        let _ = std::fs::remove_file(incomplete);
    }
    made
}

/// Allocates the whole file, so that no later store can fail.
pub(super) fn allocate(file: &File, len: u64) -> io::Result<()> {
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, len)?;
    Ok(())
}
