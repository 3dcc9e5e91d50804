//! One member process. Invariant: it is only ever signalled through its pidfd, which cannot hit another process that got the
//! same pid.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::error::Error;
use crate::group_record::Identity;

/// A process that is watched.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) pidfd: Arc<OwnedFd>,
    pub(super) serial: u64,
    /// `None`: adopted; whoever inherited it reaps it.
    child: Option<Child>,
}

impl Process {
    /// Starts one.
    pub(super) fn spawn(slot: usize, serial: u64, command: &mut Command) -> Result<Process, Error> {
        let child = command.spawn().map_err(|source| Error::Spawn { slot, source })?;
        let pid = child.id();
        match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Process { pid, pidfd: Arc::new(pidfd), serial, child: Some(child) }),
            Err(errno) => {
                let mut child = child;
                // Not watched, so not wanted; it is our child and not reaped, so the pid is still its.
                let _ = child.kill();
                let _ = child.wait();
                Err(Error::Process { pid, step: "pidfd_open", source: errno.into() })
            }
        }
    }

    /// Takes over one that a dead gateway started; `None` if it has ended.
    pub(super) fn adopt(identity: Identity, serial: u64) -> Result<Option<Process>, Error> {
        let pid = identity.pid;
        // Only its pidfd says that all of it has ended; what /proc shows of its first thread does not.
        if Identity::of_any(pid) != Some(identity) {
            return Ok(None);
        }
        let Some(raw) = Pid::from_raw(pid as i32) else { return Ok(None) };
        let pidfd = match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(pidfd) => Arc::new(pidfd),
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(errno) => return Err(Error::Process { pid, step: "pidfd_open", source: errno.into() }),
        };
        // Still the same one now that it is held?
        let same = Identity::of_any(pid) == Some(identity);
        Ok(same.then_some(Process { pid, pidfd, serial, child: None }))
    }

    /// Kills it; the exit is seen later.
    pub(super) fn kill(&self) -> Result<(), Error> {
        match pidfd_send_signal(&*self.pidfd, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(Error::Process { pid: self.pid, step: "kill", source: errno.into() }),
        }
    }

    /// Waits until it has ended.
    pub(super) fn wait(&mut self, patience: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            let mut fds = [PollFd::new(&*self.pidfd, PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) if left.is_zero() => {
                    let source = io::ErrorKind::TimedOut.into();
                    return Err(Error::Process { pid: self.pid, step: "wait for its exit", source });
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => break,
                Err(errno) => return Err(Error::Process { pid: self.pid, step: "poll", source: errno.into() }),
            }
        }
        self.reap();
        Ok(())
    }

    /// Takes note of its exit, which was seen.
    pub(super) fn reap(&mut self) -> Option<std::process::ExitStatus> {
        // An error means that somebody else has reaped it.
        self.child.as_mut().and_then(|child| child.wait().ok())
    }
}
