//! Memory-mapped logs: append-only, position-addressed, single-writer streams that outlive the process that writes them.
//!
//! Invariant: bytes in `[trimmed, tail)` never change, and a position is never reused. The writer makes bytes visible with
//! one release store of the tail; whoever reads a tail with acquire order may read everything below it. The owner of a log
//! trims, and only what no reader needs any more (protocol section 2).
//!
//! ```text
//! file   0                4096                        4096+capacity        +SLACK
//!        | header page     | ring                      | slack               |
//!
//! header 0 magic  8 version  12 kind  16 fingerprint  24 capacity  32 crc of bytes 0..32
//!        128 tail  136 hint (a frame start, at most one batch behind the tail)  144 being reset    256 trimmed    384.. 32 marks
//!
//! frame  0 length (header + payload)  4 kind  5 flags  6 mark of the position  8 payload ...   (8-byte aligned)
//! ```
//!
//! A frame that starts near the end of the ring runs on into the slack, so frames are always contiguous, and positions stay
//! plain arithmetic: the next frame starts at `position + padded length`, whatever the offset in the ring.
//!
//! Everything that maps memory is in this room: [`Log`] for streams, [`Words`] for the group record, [`Bell`] for sleeping,
//! [`Region`] for the checkpoint image. Outside it there are only safe types.

mod bell;
mod error;
mod follower;
mod frames;
mod map;
mod region;
mod words;
mod words_file;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use bell::Bell;
pub use error::LogError;
pub use follower::{Followed, Follower};
pub use frames::{FrameReader, FrameRef, FrameWriter};
pub use region::Region;
pub use words::{WordReader, WordWriter};
pub use words_file::Words;

use map::{HEADER_LEN, Map, fallocate_new};

/// The largest payload of one frame, bytes: a 66 KiB packet with its header and 512 bytes of room.
pub const MAX_PAYLOAD: usize = 66 * 1024 + 1024;
/// Bytes behind the ring into which a frame that starts near the end runs on.
pub(crate) const SLACK: u64 = 72 * 1024;
/// Bytes of the header in front of every frame.
pub const FRAME_HEADER: usize = 8;
/// The smallest ring, bytes.
pub const MIN_CAPACITY: u64 = 128 * 1024;
/// Application words in a log's header.
pub const MARKS: usize = 32;

const _: () = assert!((MAX_PAYLOAD + FRAME_HEADER) as u64 <= SLACK);

const TAIL: usize = 128;
const HINT: usize = 136;
const RESETTING: usize = 144;
const TRIM: usize = 256;
const MARK0: usize = 384;

/// What a log carries; a reader refuses a log of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum LogKind {
    /// Stamped inputs of one core (input logger to master and standby).
    In = 1,
    /// Determinants of one core and epoch (master to output logger and standby); positions count words.
    Det = 2,
    /// Outputs of one core and epoch (master to output logger).
    Out = 3,
    /// Checkpoint deltas (master to the keeper of the image).
    Ckpt = 4,
    /// Frames of a memory port.
    Port = 5,
}

/// How to make a log.
#[derive(Clone, Copy, Debug)]
pub struct LogSpec {
    /// What it carries.
    pub kind: LogKind,
    /// Bytes of the ring: a power of two, at least [`MIN_CAPACITY`].
    pub capacity: u64,
    /// Whoever attaches must have the same: build, configuration and layout of the state.
    pub fingerprint: u64,
}

/// One log. Clones share the mapping.
///
/// ```
/// use ftmb_runtime::log::{Log, LogKind, LogSpec};
/// let log = Log::anonymous(LogSpec { kind: LogKind::In, capacity: 1 << 17, fingerprint: 7 })?;
/// let mut writer = log.writer()?;
/// writer.append(1, 0, &[b"hello"]).expect("room");
/// let mut reader = log.reader(0);
/// assert!(reader.next()?.is_none(), "not published yet");
/// writer.publish();
/// assert_eq!(reader.next()?.expect("published").payload, b"hello");
/// # Ok::<(), ftmb_runtime::log::LogError>(())
/// ```
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    map: Map,
    kind: LogKind,
    capacity: u64,
    path: PathBuf,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("path", &self.inner.path)
            .field("kind", &self.inner.kind)
            .field("capacity", &self.inner.capacity)
            .field("tail", &self.tail())
            .field("trimmed", &self.trimmed())
            .finish()
    }
}

const MAGIC: u64 = u64::from_le_bytes(*b"ftmb-log");
const VERSION: u32 = 1;

impl Log {
    /// Creates a log file: all space allocated (a hole in a mapped file on a full disk would be a SIGBUS), mode 0600, written
    /// under another name and renamed when whole. An existing file of that name is replaced.
    ///
    /// # Errors
    /// [`LogError::Capacity`] for a capacity that is no power of two or too small, [`LogError::Io`] with the step that failed
    /// (a full file system is reported here, never later).
    pub fn create(path: &Path, spec: LogSpec) -> Result<Log, LogError> {
        check_capacity(path, spec.capacity)?;
        let bytes = HEADER_LEN as u64 + spec.capacity + SLACK;
        let map = fallocate_new(path, bytes, |map| write_header(map, spec))?;
        Ok(Log::from_map(map, spec.kind, spec.capacity, path))
    }

    /// Attaches to a log made by [`Log::create`], here or in another process.
    ///
    /// # Errors
    /// Typed errors that name path, position, expected and found: not a log ([`LogError::Foreign`]), another version, kind or
    /// fingerprint ([`LogError::Mismatch`]), shorter than its header says ([`LogError::Truncated`]), a damaged header or
    /// impossible positions ([`LogError::Torn`]).
    pub fn open(path: &Path, kind: LogKind, fingerprint: u64) -> Result<Log, LogError> {
        let map = Map::open(path)?;
        let capacity = check_header(&map, path, kind, fingerprint)?;
        let log = Log::from_map(map, kind, capacity, path);
        if log.word(RESETTING).load(Ordering::SeqCst) != 0 {
            log.reset();
        }
        // The trim first: it never overtakes the tail. The tail may move on meanwhile, so the trim is looked at again.
        let (mut trim, mut tail) = (log.trimmed(), log.tail());
        while trim != log.trimmed() {
            (trim, tail) = (log.trimmed(), log.tail());
        }
        if trim > tail || tail - trim > log.span() {
            return Err(LogError::Torn {
                path: path.into(),
                position: tail,
                expected: "trimmed <= tail <= trimmed + capacity",
                found: trim,
            });
        }
        Ok(log)
    }

    /// A log in memory of this process only, for tests and for groups inside one process.
    ///
    /// # Errors
    /// As [`Log::create`].
    pub fn anonymous(spec: LogSpec) -> Result<Log, LogError> {
        let path = Path::new("(memory)");
        check_capacity(path, spec.capacity)?;
        let map = Map::anonymous((HEADER_LEN as u64 + spec.capacity + SLACK) as usize, path)?;
        write_header(&map, spec);
        Ok(Log::from_map(map, spec.kind, spec.capacity, path))
    }

    fn from_map(map: Map, kind: LogKind, capacity: u64, path: &Path) -> Log {
        Log { inner: Arc::new(Inner { map, kind, capacity, path: path.into() }) }
    }

    /// Bytes of the ring.
    pub fn capacity(&self) -> u64 {
        self.inner.capacity
    }

    /// Where the log lives.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// What the log carries.
    pub fn kind(&self) -> LogKind {
        self.inner.kind
    }

    /// How many positions the ring holds: words for determinants, bytes for all others.
    pub fn span(&self) -> u64 {
        if self.inner.kind == LogKind::Det { self.inner.capacity / 8 } else { self.inner.capacity }
    }

    /// The published tail: everything below may be read.
    pub fn tail(&self) -> u64 {
        // Acquire; pairs with the Release in `set_tail`.
        self.word(TAIL).load(Ordering::Acquire)
    }

    /// Everything below may be overwritten by the writer.
    pub fn trimmed(&self) -> u64 {
        // Acquire; pairs with the Release in `trim`: the trimmer's reads happen before the writer reuses the space.
        self.word(TRIM).load(Ordering::Acquire)
    }

    /// Gives everything below `to` back to the writer. For the owner of the log only. Going back has no effect.
    pub fn trim(&self, to: u64) {
        debug_assert!(to <= self.tail(), "trim beyond the published tail");
        // Release; pairs with the Acquire in `trimmed`.
        self.word(TRIM).fetch_max(to, Ordering::Release);
    }

    /// Positions in use: published and not trimmed.
    pub fn used(&self) -> u64 {
        // The trim first: it never overtakes the tail, so the difference cannot underflow.
        let trimmed = self.trimmed();
        self.tail() - trimmed
    }

    /// Empties the log and starts its positions anew, for the next epoch. Nobody may hold a writer or a reader of it.
    pub fn reset(&self) {
        // Whoever dies in between leaves the mark, and the next one who opens the log finishes.
        self.word(RESETTING).store(1, Ordering::SeqCst);
        self.word(TRIM).store(0, Ordering::SeqCst);
        self.word(HINT).store(0, Ordering::SeqCst);
        self.word(TAIL).store(0, Ordering::SeqCst);
        for i in 0..MARKS {
            self.mark(i).store(0, Ordering::SeqCst);
        }
        self.word(RESETTING).store(0, Ordering::SeqCst);
    }

    /// Lets an empty log begin at `position`, in the log's own unit: what was before it is kept elsewhere, if at all. Nobody may
    /// hold a writer or a reader of it.
    ///
    /// ```
    /// use ftmb_runtime::log::{Log, LogKind, LogSpec};
    /// let log = Log::anonymous(LogSpec { kind: LogKind::In, capacity: 1 << 17, fingerprint: 7 })?;
    /// log.begin_at(1 << 40);
    /// let mut writer = log.writer()?;
    /// assert_eq!(writer.append(1, 0, &[b"goes on"]), Some(1 << 40));
    /// # Ok::<(), ftmb_runtime::log::LogError>(())
    /// ```
    ///
    /// # Panics
    /// If it holds something, or if no frame can start at `position`.
    pub fn begin_at(&self, position: u64) {
        assert_eq!(self.used(), 0, "{}: only an empty log can begin elsewhere", self.path().display());
        let unit = if self.inner.kind == LogKind::Det { 1 } else { 8 };
        assert!(position.is_multiple_of(unit), "{}: no frame starts at {position}", self.path().display());
        self.word(TAIL).store(position, Ordering::SeqCst);
        self.word(HINT).store(position, Ordering::SeqCst);
        self.word(TRIM).store(position, Ordering::SeqCst);
    }

    /// One of the [`MARKS`] words in the header that the log's writer uses for its own bookkeeping.
    ///
    /// # Panics
    /// If `i` is not below [`MARKS`].
    pub fn mark(&self, i: usize) -> &AtomicU64 {
        assert!(i < MARKS, "a log has {MARKS} marks, not {i}");
        self.word(MARK0 + 8 * i)
    }

    /// The single writer of frames. It goes on after the published tail; what a dead writer left unpublished is overwritten.
    ///
    /// # Errors
    /// [`LogError::Torn`] if the last published frames are damaged.
    pub fn writer(&self) -> Result<FrameWriter, LogError> {
        FrameWriter::attach(self.clone())
    }

    /// A reader of frames whose first frame starts at `from`.
    pub fn reader(&self, from: u64) -> FrameReader {
        FrameReader::new(self.clone(), from)
    }

    /// The single writer of determinant words. It goes on after the published tail.
    pub fn word_writer(&self) -> WordWriter {
        WordWriter::attach(self.clone())
    }

    /// A reader of determinant words.
    pub fn word_reader(&self) -> WordReader {
        WordReader::new(self.clone())
    }

    pub(crate) fn set_tail(&self, to: u64) {
        // Release; pairs with the Acquire in `tail`.
        self.word(TAIL).store(to, Ordering::Release);
    }

    pub(crate) fn hint(&self) -> &AtomicU64 {
        self.word(HINT)
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        self.inner.map.atomic(offset)
    }

    /// Pointer to the ring byte of a position (bytes).
    pub(crate) fn ring(&self) -> *mut u8 {
        self.inner.map.at(HEADER_LEN)
    }
}

fn check_capacity(path: &Path, capacity: u64) -> Result<(), LogError> {
    if capacity.is_power_of_two() && capacity >= MIN_CAPACITY {
        Ok(())
    } else {
        Err(LogError::Capacity { path: path.into(), found: capacity })
    }
}

fn write_header(map: &Map, spec: LogSpec) {
    map.write(0, &MAGIC.to_le_bytes());
    map.write(8, &VERSION.to_le_bytes());
    map.write(12, &(spec.kind as u32).to_le_bytes());
    map.write(16, &spec.fingerprint.to_le_bytes());
    map.write(24, &spec.capacity.to_le_bytes());
    let mut head = [0; 32];
    map.read(0, &mut head);
    map.write(32, &crc32fast::hash(&head).to_le_bytes());
}

fn check_header(map: &Map, path: &Path, kind: LogKind, fingerprint: u64) -> Result<u64, LogError> {
    if map.len() < HEADER_LEN {
        return Err(LogError::Truncated { path: path.into(), expected: HEADER_LEN as u64, found: map.len() as u64 });
    }
    let magic = map.u64(0);
    if magic != MAGIC {
        return Err(LogError::Foreign { path: path.into(), expected: MAGIC, found: magic });
    }
    let mismatch = |what, position, expected, found| {
        Err(LogError::Mismatch { path: path.into(), position, what, expected, found })
    };
    let mut head = [0; 36];
    map.read(0, &mut head);
    let version = map.u64(8) as u32;
    if version != VERSION {
        return mismatch("version", 8, VERSION.into(), version.into());
    }
    let crc = u32::from_le_bytes(head[32..36].try_into().expect("four bytes"));
    if crc != crc32fast::hash(&head[..32]) {
        return Err(LogError::Torn {
            path: path.into(),
            position: 32,
            expected: "the header's crc",
            found: crc.into(),
        });
    }
    let found_kind = (map.u64(8) >> 32) as u32;
    if found_kind != kind as u32 {
        return mismatch("kind", 12, kind as u64, found_kind.into());
    }
    if map.u64(16) != fingerprint {
        return mismatch("fingerprint", 16, fingerprint, map.u64(16));
    }
    let capacity = map.u64(24);
    check_capacity(path, capacity)?;
    let expected = HEADER_LEN as u64 + capacity + SLACK;
    if (map.len() as u64) < expected {
        return Err(LogError::Truncated { path: path.into(), expected, found: map.len() as u64 });
    }
    Ok(capacity)
}

#[cfg(test)]
mod tests;
