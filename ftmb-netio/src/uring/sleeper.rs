//! Waiting for frames and for a bell at the same time.
//!
//! Invariant: whoever rings or sends after [`Sleeper::sleep`] has begun ends it. The futex is compared when the wait for it is
//! queued, a descriptor's readiness is looked at when its poll is queued; what stays queued from one sleep to the next is
//! neither rung nor readable yet, for then it would have completed.
//!
//! ```text
//! bell (futex in shared memory) ── FUTEX_WAIT ──┐
//! socket of a port ──────────────── POLL_ADD ───┼──▶ io_uring_enter(wait for one, or the timeout)
//! socket of another ─────────────── POLL_ADD ───┘
//! ```
//!
//! Without io_uring, or before linux 6.7, only the descriptors can be waited for; then it sleeps shortly.

use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, Probe, opcode};
use rustix::event::{PollFd, PollFlags, poll};

/// The longest sleep when the bell cannot be heard.
const DEAF: Duration = Duration::from_micros(200);
/// User data of the wait for the bell; the polls have the numbers of their descriptors.
const BELL: u64 = u64::MAX;
/// The futex is 32 bits wide (`FUTEX2_SIZE_U32`) and shared between processes.
const FUTEX_FLAGS: u32 = 2;

/// Waits for one of several things; see the module.
pub struct Sleeper {
    ring: Option<IoUring>,
    /// What is queued in the ring: the bell, and each descriptor.
    bell: bool,
    polls: Vec<bool>,
}

impl fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleeper").field("hears_the_bell", &self.hears_the_bell()).finish_non_exhaustive()
    }
}

impl Default for Sleeper {
    fn default() -> Sleeper {
        Sleeper::new()
    }
}

impl Sleeper {
    /// A sleeper, with io_uring if it may be used here.
    ///
    /// ```
    /// use ftmb_netio::uring::Sleeper;
    /// use std::os::fd::AsFd;
    /// use std::sync::atomic::AtomicU32;
    /// use std::time::Duration;
    ///
    /// let (here, there) = std::os::unix::net::UnixDatagram::pair()?;
    /// there.send(b"wake up")?;
    /// let bell = AtomicU32::new(0);
    /// Sleeper::new().sleep(&bell, 0, &[here.as_fd()], Duration::from_secs(100)); // returns at once
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> Sleeper {
        Sleeper { ring: ring(), bell: false, polls: Vec::new() }
    }

    /// A sleeper without io_uring.
    pub fn plain() -> Sleeper {
        Sleeper { ring: None, bell: false, polls: Vec::new() }
    }

    /// Whether a bell ends a sleep at once; otherwise after 200 us.
    pub fn hears_the_bell(&self) -> bool {
        self.ring.is_some()
    }

    /// Sleeps until `bell` is woken, unless it is not `expected` any more; until one of the descriptors is readable; or until
    /// `timeout`. May wake early. Always with the same descriptors, and the same bell.
    pub fn sleep(&mut self, bell: &AtomicU32, expected: u32, descriptors: &[BorrowedFd<'_>], timeout: Duration) {
        let Some(mut ring) = self.ring.take() else { return self.sleep_plainly(descriptors, timeout) };
        self.polls.resize(descriptors.len(), false);
        if !self.bell {
            let entry =
                opcode::FutexWait::new(bell.as_ptr().cast_const(), expected.into(), u32::MAX.into(), FUTEX_FLAGS);
            // SAFETY: the kernel reads the futex when the entry is submitted, which is below; afterwards it keeps a key, not the
            // address. If the submission fails, the ring is dropped with the entry. Test: `a_bell_or_a_frame_ends_a_sleep`.
            self.bell = unsafe { ring.submission().push(&entry.build().user_data(BELL)) }.is_ok();
        }
        for (at, (queued, fd)) in self.polls.iter_mut().zip(descriptors).enumerate() {
            if !*queued {
                let entry = opcode::PollAdd::new(Fd(fd.as_raw_fd()), libc::POLLIN as u32).build().user_data(at as u64);
                // SAFETY: the entry refers to no memory; the kernel holds the file open while it is queued. Test: as above.
                *queued = unsafe { ring.submission().push(&entry) }.is_ok();
            }
        }
        let until = Timespec::from(timeout);
        let entered = ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&until));
        if let Err(error) = entered
            && !matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY))
        {
            tracing::warn!(%error, "io_uring is of no use to sleep by any more");
            return;
        }
        for entry in ring.completion() {
            match entry.user_data() {
                BELL => self.bell = false,
                at => self.polls[at as usize] = false,
            }
        }
        self.ring = Some(ring);
    }

    fn sleep_plainly(&mut self, descriptors: &[BorrowedFd<'_>], timeout: Duration) {
        let timeout = timeout.min(DEAF);
        let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: timeout.subsec_nanos().into() };
        let mut polled: Vec<_> = descriptors.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        // Readable, timed out or interrupted: the caller looks again in each case.
        let _ = poll(&mut polled, Some(&timeout));
    }
}

/// A ring that can wait for a futex.
fn ring() -> Option<IoUring> {
    let ring = IoUring::builder().setup_single_issuer().setup_coop_taskrun().dontfork().build(64).ok()?;
    let mut supported = Probe::new();
    ring.submitter().register_probe(&mut supported).ok()?;
    supported.is_supported(opcode::FutexWait::CODE).then_some(ring)
}
