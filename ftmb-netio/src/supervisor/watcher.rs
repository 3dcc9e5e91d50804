//! Sees processes exit. Invariant: an exit is reported once, with the time it was seen, and only after the last thread of the
//! process has ended, so that nothing it did comes later.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use crate::error::Error;
use crate::group_record::GroupRecord;

/// A process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exit {
    pub(super) slot: usize,
    /// Which process of the slot.
    pub(super) serial: u64,
    /// When it was seen, ns since the group was created.
    pub(super) at: u64,
}

#[derive(Clone, Debug)]
struct Watched {
    slot: usize,
    serial: u64,
    pidfd: Arc<OwnedFd>,
}

#[derive(Debug)]
struct Shared {
    wake: OwnedFd,
    watched: Mutex<Vec<Watched>>,
    exits: Mutex<Vec<Exit>>,
    pending: AtomicBool,
    stop: AtomicBool,
}

/// A thread that waits for exits and rings the gateway's bell.
#[derive(Debug)]
pub(super) struct Watcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here is left half-changed by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watcher {
    pub(super) fn start(record: GroupRecord) -> Result<Watcher, Error> {
        let failed = |step, source| Error::Process { pid: std::process::id(), step, source };
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let shared = Arc::new(Shared {
            wake: wake.map_err(|errno| failed("eventfd", errno.into()))?,
            watched: Mutex::default(),
            exits: Mutex::default(),
            pending: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let thread = std::thread::Builder::new().name("ftmb-watcher".into());
        let thread = thread.spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(&record)
        });
        Ok(Watcher { shared, thread: Some(thread.map_err(|source| failed("spawn a thread", source))?) })
    }

    pub(super) fn watch(&self, slot: usize, serial: u64, pidfd: Arc<OwnedFd>) {
        lock(&self.shared.watched).push(Watched { slot, serial, pidfd });
        self.shared.wake();
    }

    /// Whether there are exits to collect.
    pub(super) fn has_news(&self) -> bool {
        self.shared.pending.load(Ordering::SeqCst)
    }

    pub(super) fn collect(&self) -> Vec<Exit> {
        // First the flag: an exit in between sets it again.
        self.shared.pending.store(false, Ordering::SeqCst);
        std::mem::take(&mut *lock(&self.shared.exits))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, there is nothing left to do.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn wake(&self) {
        // Full means that it is going to wake anyway.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn run(&self, record: &GroupRecord) {
        while !self.stop.load(Ordering::SeqCst) {
            let watched = lock(&self.watched).clone();
            let mut fds = vec![PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN)];
            fds.extend(watched.iter().map(|watched| PollFd::from_borrowed_fd(watched.pidfd.as_fd(), PollFlags::IN)));
            if poll(&mut fds, None).is_err() {
                continue; // interrupted
            }
            let at = record.now();
            if !fds[0].revents().is_empty() {
                let mut count = [0; 8];
                // Nothing to read means that somebody else's write is still to come.
                let _ = rustix::io::read(&self.wake, &mut count);
            }
            let gone = |index: usize| !fds[index + 1].revents().is_empty();
            let exits: Vec<_> = (0..watched.len()).filter(|&index| gone(index)).map(|index| &watched[index]).collect();
            if exits.is_empty() {
                continue;
            }
            lock(&self.watched).retain(|watched| !exits.iter().any(|exit| exit.serial == watched.serial));
            lock(&self.exits).extend(exits.iter().map(|exit| Exit { slot: exit.slot, serial: exit.serial, at }));
            self.pending.store(true, Ordering::SeqCst);
            record.gateway_bell().ring();
        }
    }
}
