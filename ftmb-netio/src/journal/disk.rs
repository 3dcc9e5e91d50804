//! Segment files and the group commits into them, behind a trait so that a test can be slow, full or broken. Invariant: what
//! [`Disk::wait`] has returned `Ok` for is on the disk (if it was to be forced); a file that [`Disk::begin`] has made has its name
//! and its space on the disk.
//!
//! Forcing a write into space that was allocated but never written costs the file system a transaction of its own: on ext4, 4 KiB
//! took 3.5 ms, and 0.1 to 0.3 ms where zeros had been written before. So segments are filled with zeros ahead of their use, by a
//! thread of their own that leaves the disk half of its time; until one is ready, a small one that is only allocated has to do.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::Errno;

use crate::uring::{AlignedBuffer, EngineChoice, FixedWriter};

/// Bytes of each of the two buffers: the largest batch.
pub(super) const BUFFER: usize = 1 << 20;

/// Writes batches, one at a time, while the other buffer is filled.
pub(super) trait Disk: Send + Debug {
    /// One of two buffers of [`BUFFER`] bytes, except the one that is being written.
    fn buffer(&mut self, which: usize) -> &mut [u8];

    /// Makes a segment with room for `bytes`, or less; batches go there from now on. Returns its room.
    fn begin(&mut self, path: &Path, bytes: u64) -> io::Result<u64>;

    /// Whether a new segment would be faster than the one that is written.
    fn has_better(&self) -> bool;

    /// Starts writing the first `length` bytes of a buffer.
    fn submit(&mut self, which: usize, length: usize, offset: u64) -> io::Result<()>;

    /// Waits until what was submitted is written and forced.
    fn wait(&mut self) -> io::Result<()>;
}

/// Makes the name of a file durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

static SAID: Once = Once::new();

/// The file system: io_uring with registered buffers and `O_DIRECT`, or what of it may be used.
#[derive(Debug)]
pub(super) struct SegmentDisk {
    engine: Engine,
    sync: bool,
    ahead: Option<Ahead>,
    /// The segment that is written was filled.
    filled: bool,
    /// Bytes of the next segment that is made ahead: the first ones are smaller, so that they are ready soon.
    next: u64,
}

/// Bytes of a segment that is needed at once.
const SMALL: u64 = 4 << 20;
/// Bytes of zeros written at once.
const CHUNK: usize = 256 << 10;

/// A segment that is made ahead, under a name of no segment.
#[derive(Debug)]
struct Ahead {
    path: PathBuf,
    bytes: u64,
    thread: JoinHandle<io::Result<File>>,
    /// It is whole, and the thread is about to end.
    whole: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl Ahead {
    fn start(path: PathBuf, bytes: u64) -> io::Result<Ahead> {
        let (stop, whole) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (place, stopped, done) = (path.clone(), Arc::clone(&stop), Arc::clone(&whole));
        let make = move || {
            // What a gateway that died had made ahead.
            let _ = std::fs::remove_file(&place);
            let made = open(&place).and_then(|file| fill(&file, bytes, &stopped).map(|()| file));
            if made.is_err() {
                let _ = std::fs::remove_file(&place);
            }
            done.store(made.is_ok(), Ordering::SeqCst);
            made
        };
        let thread = std::thread::Builder::new().name("segments".into()).spawn(make)?;
        Ok(Ahead { path, bytes, thread, whole, stop })
    }
}

fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
        // A file system that cannot allocate ahead says when it is full at the write.
        Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Allocates a file and writes it full of zeros, onto the disk.
fn fill(file: &File, bytes: u64, stop: &AtomicBool) -> io::Result<()> {
    allocate(file, bytes)?;
    let mut zeros = AlignedBuffer::new(CHUNK);
    let mut at = 0;
    while at < bytes {
        if stop.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let (length, since) = ((bytes - at).min(CHUNK as u64), Instant::now());
        file.write_all_at(&zeros.bytes()[..length as usize], at)?;
        at += length;
        std::thread::sleep(since.elapsed());
    }
    file.sync_all()
}

impl Drop for SegmentDisk {
    fn drop(&mut self) {
        if let Some(ahead) = self.ahead.take() {
            ahead.stop.store(true, Ordering::SeqCst);
            let _ = ahead.thread.join();
            // It may not have come to be there.
            let _ = std::fs::remove_file(&ahead.path);
        }
    }
}

#[derive(Debug)]
enum Engine {
    Uring(Box<FixedWriter>),
    Plain { file: Option<File>, buffers: [AlignedBuffer; 2], done: io::Result<()> },
}

impl SegmentDisk {
    /// `sync`: batches are forced to the disk. `FTMB_FILE_IO=plain` asks for plain system calls.
    pub(super) fn new(sync: bool) -> SegmentDisk {
        let asked = std::env::var(EngineChoice::VARIABLE).is_ok_and(|name| name == "plain");
        let plain = || Engine::Plain {
            file: None,
            buffers: [AlignedBuffer::new(BUFFER), AlignedBuffer::new(BUFFER)],
            done: Ok(()),
        };
        let engine = match FixedWriter::new(BUFFER) {
            _ if asked => plain(),
            Ok(writer) => Engine::Uring(Box::new(writer)),
            Err(reason) => {
                SAID.call_once(|| tracing::info!(%reason, "the journal is written by plain system calls"));
                plain()
            }
        };
        SegmentDisk { engine, sync, ahead: None, filled: false, next: 2 * SMALL }
    }
}

/// Opens for writing past the page cache where the file system can do that.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    match options.clone().custom_flags(OFlags::DIRECT.bits() as i32).open(path) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
            SAID.call_once(|| {
                tracing::info!("the journal's file system has no O_DIRECT: it is written through the page cache")
            });
            // The file may have been made before its flags were refused.
            let _ = std::fs::remove_file(path);
            options.open(path)
        }
        opened => opened,
    }
}

impl Disk for SegmentDisk {
    fn buffer(&mut self, which: usize) -> &mut [u8] {
        match &mut self.engine {
            Engine::Uring(writer) => writer.buffer(which),
            Engine::Plain { buffers, .. } => buffers[which].bytes(),
        }
    }

    fn begin(&mut self, path: &Path, bytes: u64) -> io::Result<u64> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let ready = self.ahead.take_if(|ahead| ahead.whole.load(Ordering::SeqCst) || ahead.thread.is_finished());
        let ready = ready.and_then(|Ahead { path, bytes, thread, .. }| Some((path, bytes, thread.join().ok()?.ok()?)));
        let (file, room) = match ready {
            Some((ahead, room, file)) if ahead.parent() == Some(directory) => {
                std::fs::rename(ahead, path)?;
                self.filled = true;
                (file, room)
            }
            _ => {
                self.filled = false;
                let room = if self.sync { bytes.min(SMALL) } else { bytes };
                let file = open(path)?;
                if let Err(error) =
                    allocate(&file, room).and_then(|()| if self.sync { file.sync_all() } else { Ok(()) })
                {
                    let _ = std::fs::remove_file(path);
                    return Err(error);
                }
                (file, room)
            }
        };
        if self.sync {
            sync_directory(directory)?;
            if self.ahead.is_none() {
                // Without a thread there are small segments.
                self.ahead = Ahead::start(directory.join("ahead"), bytes.min(self.next)).ok();
                self.next = self.next.saturating_mul(2);
            }
        }
        match &mut self.engine {
            Engine::Uring(writer) => writer.set_file(file),
            Engine::Plain { file: place, .. } => *place = Some(file),
        }
        Ok(room)
    }

    fn has_better(&self) -> bool {
        !self.filled && self.ahead.as_ref().is_some_and(|ahead| ahead.whole.load(Ordering::SeqCst))
    }

    fn submit(&mut self, which: usize, length: usize, offset: u64) -> io::Result<()> {
        match &mut self.engine {
            Engine::Uring(writer) => writer.submit(which, length, offset, self.sync),
            Engine::Plain { file, buffers, done } => {
                let file = file.as_ref().expect("a segment was begun");
                let written = file.write_all_at(&buffers[which].bytes()[..length], offset);
                *done = if self.sync { written.and_then(|()| file.sync_data()) } else { written };
                Ok(())
            }
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        match &mut self.engine {
            Engine::Uring(writer) => writer.wait(),
            Engine::Plain { done, .. } => std::mem::replace(done, Ok(())),
        }
    }
}
