//! The engine on io_uring, and the probe that says whether this process may use it.
//!
//! Invariant: while a slot is occupied its buffer is neither touched, moved on the heap nor freed here: the kernel may
//! be using it. A slot is emptied only by the completion of its request.
//!
//! ```text
//! start(request) --> slot i --submission(user_data = i)--> kernel --completion(i, bytes)--> slot i empty, Completion
//!                      ^                                      |
//!                      +------- rest of a short request <-----+
//! ```

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use io_uring::{IoUring, Probe, opcode, types};
use rustix::io::Errno;
use thiserror::Error;

use super::file::{Completion, DEPTH, EngineKind, FileIo, Operation, Request};

/// One submission moves at most this much: its length is a `u32`, and the kernel cuts at 2 GiB anyway. Tests make do with
/// less, so that requests go on after a part as they do when the kernel moves less than it was asked to.
const LONGEST: usize = if cfg!(test) { 10_000 } else { 1 << 30 };

/// Why io_uring cannot be used here.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UringUnavailable {
    /// The kernel refuses to set up a ring.
    #[error("io_uring_setup was refused: {}", reason(source))]
    Setup {
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A ring can be set up, but not entered: a filter on system calls knows one call and not the other.
    #[error("io_uring_enter was refused: {}", reason(source))]
    Enter {
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The kernel's io_uring is too old for an operation that is needed.
    #[error("io_uring of this kernel lacks the operation {operation} (linux {since} or later has it)")]
    Operation {
        /// The operation's name in the kernel's headers, without its prefix.
        operation: &'static str,
        /// The first version of the kernel that has it.
        since: &'static str,
    },
    /// The kernel does not take buffers to receive into.
    #[error("buffers for io_uring were refused: {}", reason(source))]
    Buffers {
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

fn reason(error: &io::Error) -> String {
    let hint = match Errno::from_io_error(error) {
        Some(Errno::PERM | Errno::ACCESS) => "forbidden by a seccomp filter or by sysctl kernel.io_uring_disabled",
        Some(Errno::NOSYS) => "this kernel, or the container's filter, does not have it",
        Some(Errno::NOMEM) => "no memory, or the limit on locked memory is too low (ulimit -l, LimitMEMLOCK)",
        Some(Errno::INVAL) => "this kernel is too old for it (linux 6.1 or later for interfaces, 5.6 for files)",
        Some(Errno::MFILE | Errno::NFILE) => "too many open files",
        _ => return error.to_string(),
    };
    format!("{error}: {hint}")
}

/// A ring that has been set up and tried, and that no file is bound to yet.
pub struct Uring(IoUring);

impl fmt::Debug for Uring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uring").field("entries", &self.0.params().sq_entries()).finish()
    }
}

/// Sets up a ring and passes an empty operation through it, so that what is allowed at start also works later.
///
/// # Errors
/// [`UringUnavailable`] says what is missing or who forbids it.
///
/// ```
/// match ftmb_netio::uring::probe() {
///     Ok(ring) => println!("io_uring works here: {ring:?}"),
///     Err(reason) => println!("plain system calls it is: {reason}"),
/// }
/// ```
pub fn probe() -> Result<Uring, UringUnavailable> {
    let setup = |source| UringUnavailable::Setup { source };
    let mut ring = IoUring::builder().dontfork().build(DEPTH as u32).map_err(setup)?;
    let mut supported = Probe::new();
    // Before linux 5.6 there was no way to ask, and neither operation existed.
    let asked = ring.submitter().register_probe(&mut supported).is_ok();
    for (operation, code) in [("READ", opcode::Read::CODE), ("WRITE", opcode::Write::CODE)] {
        if !(asked && supported.is_supported(code)) {
            return Err(UringUnavailable::Operation { operation, since: "5.6" });
        }
    }
    let nothing = opcode::Nop::new().build();
    // SAFETY: the entry refers to no memory, so nothing must outlive it. The ring is new, hence not full; were it full,
    // `push` would refuse. `probe_passes_or_says_why` runs this.
    unsafe { ring.submission().push(&nothing) }.expect("a new ring has room");
    loop {
        match ring.submit_and_wait(1) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(UringUnavailable::Enter { source }),
            Ok(_) => break,
        }
    }
    ring.completion().for_each(drop);
    Ok(Uring(ring))
}

impl Uring {
    /// The ring itself, [`DEPTH`] entries long.
    pub(super) fn into_ring(self) -> IoUring {
        self.0
    }

    /// Binds the ring to `file`, which must be seekable.
    ///
    /// ```
    /// # use ftmb_netio::uring::{EngineKind, FileIo, probe};
    /// if let Ok(ring) = probe() {
    ///     assert_eq!(ring.serve(tempfile::tempfile()?).kind(), EngineKind::Uring);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn serve(self, file: File) -> UringFile {
        UringFile { ring: self.0, file, slots: Default::default(), in_flight: 0 }
    }
}

#[derive(Debug)]
struct Flight {
    request: Request,
    done: usize,
}

/// A file served by io_uring. Dropping it waits for what is in flight.
pub struct UringFile {
    ring: IoUring,
    file: File,
    slots: [Option<Flight>; DEPTH],
    in_flight: usize,
}

impl fmt::Debug for UringFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UringFile")
            .field("file", &self.file)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}

impl UringFile {
    /// Queues what is left of the request in `slot`, and tells the kernel.
    fn submit(&mut self, slot: usize) {
        let flight = self.slots[slot].as_mut().expect("only occupied slots are submitted");
        let position = flight.request.offset + flight.done as u64;
        let operation = flight.request.operation;
        let rest = flight.request.rest(flight.done);
        let length = rest.len().min(LONGEST) as u32;
        let start = rest.as_mut_ptr();
        let fd = types::Fd(self.file.as_raw_fd());
        let entry = match operation {
            Operation::Read => opcode::Read::new(fd, start, length).offset(position).build(),
            Operation::Write => opcode::Write::new(fd, start, length).offset(position).build(),
        };
        let entry = entry.user_data(slot as u64);
        // SAFETY: `start..start + length` lies in the heap memory of the request's `Vec` (checked by the slice above).
        // This `Vec` stays in its slot, which nobody reads, resizes or frees, until `settle` sees the completion; `Drop`
        // waits for that, or leaks the slot. The descriptor is open for as long as `self.file` is, which is dropped
        // after that wait. `dropped_engine_waits_for_its_buffers` and `any_requests_move_the_same_bytes` would fail.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        // Each of the DEPTH slots has at most one entry in a queue of at least DEPTH.
        pushed.expect("a slot has one entry in a queue as long as there are slots");
        // What could not be handed over now (the kernel is short of something) is handed over by `finish`.
        let _ = self.ring.submit();
    }

    /// Takes one completion from the ring. `None`: there is none, or it was a part of a request that goes on.
    fn settle(&mut self) -> Option<Completion> {
        loop {
            let entry = self.ring.completion().next()?;
            let slot = entry.user_data() as usize;
            let Some(flight) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
                tracing::error!(slot, "io_uring completed a request that is not in flight");
                continue;
            };
            let result = match usize::try_from(entry.result()) {
                Ok(0) if flight.request.operation == Operation::Read => Ok(flight.done),
                Ok(0) if flight.done < flight.request.len() => Err(io::ErrorKind::WriteZero.into()),
                Ok(moved) => {
                    flight.done += moved;
                    if flight.done < flight.request.len() {
                        self.submit(slot);
                        continue;
                    }
                    Ok(flight.done)
                }
                Err(_) => match io::Error::from_raw_os_error(-entry.result()) {
                    // Nobody here cancels; the kernel may, when the thread that submitted has ended.
                    error if again(&error) => {
                        self.submit(slot);
                        continue;
                    }
                    error => Err(error),
                },
            };
            let flight = self.slots[slot].take().expect("checked above");
            self.in_flight -= 1;
            return Some(flight.request.complete(result));
        }
    }
}

fn again(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INTR | Errno::AGAIN | Errno::CANCELED))
}

impl FileIo for UringFile {
    fn kind(&self) -> EngineKind {
        EngineKind::Uring
    }

    fn start(&mut self, request: Request) -> Result<(), Request> {
        let Some(slot) = self.slots.iter().position(Option::is_none) else { return Err(request) };
        self.slots[slot] = Some(Flight { request, done: 0 });
        self.in_flight += 1;
        self.submit(slot);
        Ok(())
    }

    fn finish(&mut self, wait: bool) -> io::Result<Option<Completion>> {
        loop {
            if let Some(completion) = self.settle() {
                return Ok(Some(completion));
            }
            if self.in_flight == 0 {
                return Ok(None);
            }
            let entered = if wait {
                self.ring.submit_and_wait(1)
            } else if self.ring.submission().is_empty() {
                return Ok(None);
            } else {
                self.ring.submit()
            };
            match entered {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Short of memory for requests, or completions are to be fetched first.
                Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::AGAIN | Errno::BUSY)) => {
                    if !wait {
                        return Ok(self.settle());
                    }
                    std::thread::yield_now();
                }
                Err(error) => return Err(error),
                Ok(_) if !wait => return Ok(self.settle()),
                Ok(_) => {}
            }
        }
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }
}

impl Drop for UringFile {
    fn drop(&mut self) {
        while self.in_flight > 0 {
            if let Err(error) = self.finish(true) {
                tracing::error!(%error, in_flight = self.in_flight, "io_uring cannot be waited for; buffers are leaked");
                let _leaked = std::mem::take(&mut self.slots).map(std::mem::forget);
                return;
            }
        }
    }
}
