//! One file written from two buffers that the kernel has been shown beforehand, each write complete when it is on the disk: what a
//! group commit needs.
//!
//! Invariant: a buffer that a write is under way from is neither changed, moved nor freed here; there is one write at a time, and
//! dropping the writer waits for it.
//!
//! A write that syncs itself (`RWF_DSYNC`) is one request to the disk where the blocks have been written before. A linked sync
//! would be carried out by another thread of the kernel, to be woken first: on two busy CPUs that took several times as long.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use io_uring::{IoUring, opcode, types};
use rustix::io::Errno;

use super::ring::{UringUnavailable, probe};

/// Where buffers begin and what their lengths are multiples of, bytes: what `O_DIRECT` wants everywhere.
pub const ALIGNMENT: usize = 4096;

/// Memory whose usable part begins at a multiple of [`ALIGNMENT`].
#[derive(Debug)]
pub struct AlignedBuffer {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// `length` zeros.
    ///
    /// ```
    /// use ftmb_netio::uring::{ALIGNMENT, AlignedBuffer};
    /// let mut buffer = AlignedBuffer::new(8192);
    /// assert_eq!((buffer.bytes().len(), buffer.bytes().as_ptr() as usize % ALIGNMENT), (8192, 0));
    /// ```
    ///
    /// # Panics
    /// If `length` is no multiple of [`ALIGNMENT`].
    pub fn new(length: usize) -> AlignedBuffer {
        assert!(length.is_multiple_of(ALIGNMENT), "a buffer of {length} bytes is not aligned");
        let bytes = vec![0; length + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        AlignedBuffer { bytes, start, length }
    }

    /// The usable part.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    which: usize,
    length: usize,
    offset: u64,
    sync: bool,
}

/// Writes one file from two registered buffers, by io_uring.
///
/// ```
/// use ftmb_netio::uring::FixedWriter;
/// use std::os::unix::fs::FileExt;
/// let file = tempfile::tempfile()?;
/// if let Ok(mut writer) = FixedWriter::new(4096) {
///     writer.set_file(file.try_clone()?);
///     writer.buffer(0)[..5].copy_from_slice(b"hello");
///     writer.submit(0, 4096, 0, true)?;
///     writer.wait()?;
///     let mut back = [0; 5];
///     file.read_exact_at(&mut back, 0)?;
///     assert_eq!(&back, b"hello");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct FixedWriter {
    // Dropped before the buffers that it knows.
    ring: IoUring,
    file: Option<File>,
    buffers: [AlignedBuffer; 2],
    flight: Option<Flight>,
}

impl std::fmt::Debug for FixedWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FixedWriter").field("file", &self.file).field("flight", &self.flight).finish_non_exhaustive()
    }
}

/// The write is complete when its bytes, and what is needed to read them back, are on the disk (`linux/fs.h`).
const RWF_DSYNC: i32 = 2;

impl FixedWriter {
    /// A ring of its own with two buffers of `length` bytes.
    ///
    /// # Errors
    /// [`UringUnavailable`] if io_uring may not be used, or the buffers exceed the limit on locked memory.
    ///
    /// # Panics
    /// If `length` is no multiple of [`ALIGNMENT`].
    pub fn new(length: usize) -> Result<FixedWriter, UringUnavailable> {
        // What the probe asks for is younger than registered buffers and linked entries.
        let ring = probe()?.into_ring();
        let mut buffers = [AlignedBuffer::new(length), AlignedBuffer::new(length)];
        let [first, second] = &mut buffers;
        let slices = [IoSlice::new(first.bytes()), IoSlice::new(second.bytes())];
        // SAFETY: `IoSlice` is guaranteed to have the layout of the `iovec` that is asked for. The memory belongs to the two
        // buffers, whose vectors are never resized, moved on the heap or freed before the ring is closed: `Drop` waits for what
        // is under way, and the ring is dropped before them. `what_is_submitted_is_in_the_file_when_waited_for` would fail.
        let registered = unsafe {
            let slices: *const IoSlice<'_> = slices.as_ptr();
            ring.submitter().register_buffers(std::slice::from_raw_parts(slices.cast(), 2))
        };
        registered.map_err(|source| UringUnavailable::Setup { source })?;
        Ok(FixedWriter { ring, file: None, buffers, flight: None })
    }

    /// Writes go to this file from now on.
    ///
    /// # Panics
    /// If a write is under way.
    pub fn set_file(&mut self, file: File) {
        assert!(self.flight.is_none(), "a write is under way");
        self.file = Some(file);
    }

    /// One of the two buffers.
    ///
    /// # Panics
    /// If a write from it is under way, or it is neither 0 nor 1.
    pub fn buffer(&mut self, which: usize) -> &mut [u8] {
        assert!(self.flight.is_none_or(|flight| flight.which != which), "a write from buffer {which} is under way");
        self.buffers[which].bytes()
    }

    /// Starts writing the first `length` bytes of a buffer at `offset`, and with `sync`, forcing them to the disk. Returns without
    /// waiting for either.
    ///
    /// # Errors
    /// If the kernel cannot take it: nothing is under way then.
    ///
    /// # Panics
    /// If a write is under way, there is no file, or the buffer is shorter.
    pub fn submit(&mut self, which: usize, length: usize, offset: u64, sync: bool) -> io::Result<()> {
        assert!(self.flight.is_none(), "a write is under way");
        let fd = types::Fd(self.file.as_ref().expect("a file to write").as_raw_fd());
        let start = self.buffers[which].bytes()[..length].as_ptr();
        let flags = if sync { RWF_DSYNC } else { 0 };
        let write =
            opcode::WriteFixed::new(fd, start, length as u32, which as u16).offset(offset).rw_flags(flags).build();
        // SAFETY: the range lies in buffer `which` (checked by the slice above), which is registered under that index. Nobody
        // touches it until `wait` has seen the completion (`buffer` refuses), and `Drop` waits too, or leaks it. The descriptor
        // is open for as long as `self.file` is, which changes only while nothing is under way.
        // `what_is_submitted_is_in_the_file_when_waited_for` would fail.
        let pushed = unsafe { self.ring.submission().push(&write) };
        pushed.expect("a queue of eight has room for one: nothing is under way");
        self.flight = Some(Flight { which, length, offset, sync });
        // What could not be handed over now is handed over by `wait`.
        let _ = self.ring.submit();
        Ok(())
    }

    /// Waits for what is under way, if anything is. After an error any part of it may have been written.
    ///
    /// # Errors
    /// What write or sync failed with, or that the kernel cannot be asked (it stays under way then).
    pub fn wait(&mut self) -> io::Result<()> {
        while let Some(flight) = self.flight {
            let completed = self.ring.completion().next().map(|entry| entry.result());
            if let Some(result) = completed {
                self.flight = None;
                return self.settle(flight, result);
            }
            match self.ring.submit_and_wait(1) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Short of memory for a moment, or completions are to be fetched first.
                Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::AGAIN | Errno::BUSY)) => {
                    std::thread::yield_now();
                }
                other => _ = other?,
            }
        }
        Ok(())
    }

    /// Finishes by plain calls what the kernel did in part, or cannot do in this way.
    fn settle(&mut self, flight: Flight, result: i32) -> io::Result<()> {
        let written = match usize::try_from(result) {
            Ok(written) => written,
            Err(_) => match io::Error::from_raw_os_error(-result) {
                error if begin_again(&error) => 0,
                error => return Err(error),
            },
        };
        if written == flight.length {
            return Ok(());
        }
        let file = self.file.as_ref().expect("a file that was written");
        let rest = &self.buffers[flight.which].bytes()[written..flight.length];
        file.write_all_at(rest, flight.offset + written as u64)?;
        if flight.sync { file.sync_data() } else { Ok(()) }
    }
}

/// Interrupted, or not supported like this by the file system.
fn begin_again(error: &io::Error) -> bool {
    use Errno as E;
    matches!(E::from_io_error(error), Some(E::INTR | E::AGAIN | E::CANCELED | E::OPNOTSUPP | E::INVAL))
}

impl Drop for FixedWriter {
    fn drop(&mut self) {
        if let Err(error) = self.wait()
            && self.flight.is_some()
        {
            tracing::error!(%error, "io_uring cannot be waited for; buffers are leaked");
            let leaked = std::mem::replace(&mut self.buffers, [AlignedBuffer::new(0), AlignedBuffer::new(0)]);
            std::mem::forget(leaked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_submitted_is_in_the_file_when_waited_for() {
        let Ok(mut writer) = FixedWriter::new(1 << 16) else {
            eprintln!("skipped: io_uring cannot be used here");
            return;
        };
        for round in 0..20_u8 {
            let file = tempfile::tempfile().unwrap();
            writer.set_file(file.try_clone().unwrap());
            for at in 0..8_usize {
                let which = at % 2;
                writer.buffer(which).fill(round.wrapping_add(at as u8));
                writer.submit(which, 1 << 16, (at << 16) as u64, at % 3 != 0).unwrap();
                // The other buffer may be filled meanwhile.
                writer.buffer(1 - which).fill(0xee);
                writer.wait().unwrap();
            }
            let mut written = vec![0; 8 << 16];
            file.read_exact_at(&mut written, 0).unwrap();
            let right = |(at, chunk): (usize, &[u8])| chunk.iter().all(|&byte| byte == round.wrapping_add(at as u8));
            assert!(written.chunks(1 << 16).enumerate().all(right));
        }
    }

    #[test]
    fn a_write_that_fails_is_an_error_and_the_next_one_works() {
        let Ok(mut writer) = FixedWriter::new(4096) else { return };
        let named = tempfile::NamedTempFile::new().unwrap();
        writer.set_file(File::open(named.path()).unwrap());
        writer.submit(0, 4096, 0, true).unwrap();
        assert_eq!(writer.wait().unwrap_err().raw_os_error(), Some(Errno::BADF.raw_os_error()));
        writer.set_file(named.reopen().unwrap());
        writer.submit(1, 4096, 0, true).unwrap();
        writer.wait().unwrap();
        assert_eq!(named.as_file().metadata().unwrap().len(), 4096);
    }

    #[test]
    fn dropped_writer_waits_for_its_buffers() {
        let Ok(mut writer) = FixedWriter::new(1 << 20) else { return };
        let named = tempfile::NamedTempFile::new().unwrap();
        writer.set_file(named.reopen().unwrap());
        writer.buffer(1).fill(9);
        writer.submit(1, 1 << 20, 0, true).unwrap();
        drop(writer);
        assert!(std::fs::read(named.path()).unwrap() == vec![9; 1 << 20]);
    }
}
