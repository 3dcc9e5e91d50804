//! Segment files and the group commits into them, behind a trait so that a test can be slow, full or broken. Invariant: what
//! [`Disk::wait`] has returned `Ok` for is on the disk (if it was to be forced); a file that [`Disk::begin`] has made has its name
//! and its space on the disk.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Once;

use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::Errno;

use crate::uring::{AlignedBuffer, EngineChoice, FixedWriter};

/// Bytes of each of the two buffers: the largest batch.
pub(super) const BUFFER: usize = 1 << 20;

/// Writes batches, one at a time, while the other buffer is filled.
pub(super) trait Disk: Send + Debug {
    /// One of two buffers of [`BUFFER`] bytes, except the one that is being written.
    fn buffer(&mut self, which: usize) -> &mut [u8];

    /// Makes a segment with room for `bytes`; batches go there from now on.
    fn begin(&mut self, path: &Path, bytes: u64) -> io::Result<()>;

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
        SegmentDisk { engine, sync }
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

    fn begin(&mut self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = open(path)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            // A file system that cannot allocate ahead says when it is full at the write.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(errno) => {
                let _ = std::fs::remove_file(path);
                return Err(errno.into());
            }
        }
        if self.sync {
            file.sync_all()?;
            sync_directory(path.parent().unwrap_or(Path::new(".")))?;
        }
        match &mut self.engine {
            Engine::Uring(writer) => writer.set_file(file),
            Engine::Plain { file: place, .. } => *place = Some(file),
        }
        Ok(())
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
