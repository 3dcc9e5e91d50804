//! Messages through io_uring: one multishot receive that fills buffers of the kernel's choice, and sends in batches, one
//! `io_uring_enter` each.
//!
//! Invariant: the ring is gone, or has confirmed that nothing is in flight, before buffers and slots are freed. Completions are
//! told apart by their user data: slot numbers below [`SLOTS`], the receive above.
//!
//! ```text
//!                  ┌── receive multishot, armed once ──▶ completion: buffer id, length ──▶ ready ──▶ take, give back
//! descriptor ◀──▶ ring
//!                  └── send slot 0, 1, ... (does not block: completed when submitted) ──▶ answers[slot] ──▶ Sends
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use io_uring::types::CancelBuilder;
use io_uring::{IoUring, cqueue};
use rustix::io::Errno;

use super::buffers::Buffers;
use super::file::EngineKind;
use super::message_door::Door;
use super::message_plain::room;
use super::messages::{Message, Messages, SLOT, SLOTS, Sends, TRIES};
use super::ring::UringUnavailable;
use super::slots::Slots;

/// Messages that may arrive before any is taken; more wait in the socket's own buffer.
const BUFFERS: u16 = 256;
/// The user data of the receive.
const RECEIVE: u64 = SLOTS as u64;

struct Arrived {
    buffer: u16,
    length: u32,
}

/// The engine on io_uring.
pub(super) struct MessageRing {
    ring: IoUring,
    buffers: Option<Buffers>,
    slots: Option<Slots>,
    door: Door,
    fd: OwnedFd,
    ready: VecDeque<Arrived>,
    failure: Option<Errno>,
    enabled: bool,
    armed: bool,
    in_flight: usize,
    answers: [i32; SLOTS],
    sends: Sends,
}

impl fmt::Debug for MessageRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRing").field("fd", &self.fd).field("sends", &self.sends).finish_non_exhaustive()
    }
}

impl MessageRing {
    /// Sets up a ring for a descriptor. It belongs to the thread that first receives or flushes.
    pub(super) fn open(fd: BorrowedFd<'_>, door: Door) -> Result<MessageRing, UringUnavailable> {
        let setup = |source| UringUnavailable::Setup { source };
        let buffers_refused = |source| UringUnavailable::Buffers { source };
        let mut builder = IoUring::builder();
        // The kernel's part of the work happens when this thread asks for it, and at no other time.
        builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
        builder.setup_r_disabled().setup_cqsize(4 * SLOTS as u32 + 2 * u32::from(BUFFERS)).dontfork();
        let ring = builder.build(2 * SLOTS as u32).map_err(setup)?;
        let fd = fd.try_clone_to_owned().map_err(setup)?;
        ring.submitter().register_files(&[fd.as_raw_fd()]).map_err(setup)?;
        door.check(&ring)?;
        let buffers = Buffers::new(BUFFERS, door.room()).map_err(buffers_refused)?;
        let (address, count) = buffers.ring();
        // SAFETY: the ring of buffers is `count` entries at `address`, aligned to a page, and lives until `drop` has seen the end
        // of the receive. Test: `dropped_with_a_receive_in_flight_nothing_is_written_later`.
        let registered = unsafe { ring.submitter().register_buf_ring_with_flags(address, count, 0, 0) };
        registered.map_err(buffers_refused)?;
        Ok(MessageRing {
            ring,
            buffers: Some(buffers),
            slots: Some(Slots::new()),
            door,
            fd,
            ready: VecDeque::with_capacity(BUFFERS.into()),
            failure: None,
            enabled: false,
            armed: false,
            in_flight: 0,
            answers: [0; SLOTS],
            sends: Sends::default(),
        })
    }

    /// The ring belongs to the thread that enables it.
    fn enable(&mut self) -> io::Result<()> {
        if !self.enabled {
            self.ring.submitter().register_enable_rings()?;
            self.enabled = true;
        }
        Ok(())
    }

    /// Queues the receive if it has ended (at first, for want of buffers, or after an error).
    fn arm(&mut self) {
        if self.armed || !self.ready.is_empty() {
            return;
        }
        let entry = self.door.receive().user_data(RECEIVE);
        // SAFETY: what the entry points to is on the heap for as long as the door, which is dropped after the ring; the buffers are
        // those registered, which `drop` frees only after the end of the receive. Test: as in `open`.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        // A full queue is emptied by the next flush; the receive is queued after it.
        self.armed = pushed.is_ok();
    }

    /// Submits what is queued and lets the kernel do its part; waits for `want` completions.
    fn enter(&mut self, want: usize) -> io::Result<()> {
        loop {
            match self.ring.submit_and_wait(want) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Completions are to be fetched first, or memory is short for a moment.
                Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::BUSY | Errno::AGAIN)) => return Ok(()),
                result => return result.map(drop),
            }
        }
    }

    /// Takes all completions.
    fn reap(&mut self) {
        for entry in self.ring.completion() {
            let (slot, result, flags) = (entry.user_data(), entry.result(), entry.flags());
            if slot < RECEIVE {
                self.answers[slot as usize] = result;
                self.in_flight -= 1;
                continue;
            }
            if !cqueue::more(flags) {
                self.armed = false;
            }
            match (cqueue::buffer_select(flags), u32::try_from(result)) {
                (Some(buffer), Ok(length)) => self.ready.push_back(Arrived { buffer, length }),
                // Out of buffers: what comes waits in the socket.
                (_, Err(_)) if result == -Errno::NOBUFS.raw_os_error() => {}
                (buffer, answer) => {
                    if let Some(buffer) = buffer {
                        self.buffers.as_mut().expect("until drop").give_back(buffer);
                    }
                    if answer.is_err() && result != -Errno::CANCELED.raw_os_error() {
                        self.failure = Some(Errno::from_raw_os_error(-result));
                    }
                }
            }
        }
    }

    /// Submits these slots and waits until each has its answer.
    fn send_slots(&mut self, which: &[usize]) -> io::Result<()> {
        let slots = self.slots.as_ref().expect("until drop");
        for &slot in which {
            let entry = self.door.send(slots.message(slot)).user_data(slot as u64);
            // SAFETY: the bytes are those of a slot, which nobody writes or frees before its answer is here: below, or in `drop`.
            // Test: `what_is_pushed_arrives_in_order`.
            let pushed = unsafe { self.ring.submission().push(&entry) };
            pushed.expect("the queue has twice as many entries as there are slots");
            self.in_flight += 1;
        }
        self.enter(0)?;
        self.reap();
        while self.in_flight > 0 {
            self.enter(1)?;
            self.reap();
        }
        Ok(())
    }
}

impl Messages for MessageRing {
    fn kind(&self) -> EngineKind {
        EngineKind::Uring
    }

    fn receive(&mut self, limit: usize, take: &mut dyn FnMut(Message<'_>) -> bool) -> io::Result<usize> {
        self.enable()?;
        self.reap();
        if self.ready.is_empty() {
            self.arm();
            let submission = self.ring.submission();
            let work = submission.taskrun() || submission.cq_overflow() || !submission.is_empty();
            drop(submission);
            if work {
                self.enter(0)?;
                self.reap();
            }
        }
        let buffers = self.buffers.as_mut().expect("until drop");
        let mut taken = 0;
        while taken < limit {
            let Some(arrived) = self.ready.pop_front() else { break };
            let length = (arrived.length as usize).min(buffers.size());
            let goes_on = self.door.parse(buffers.bytes(arrived.buffer, length)).is_none_or(&mut *take);
            buffers.give_back(arrived.buffer);
            taken += 1;
            if !goes_on {
                break;
            }
        }
        if taken > 0 {
            buffers.publish();
        } else if let Some(failure) = self.failure.take() {
            return Err(failure.into());
        }
        Ok(taken)
    }

    fn push(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        if head.len() + body.len() > SLOT {
            self.flush()?;
            self.door.send_now(self.fd.as_fd(), head, body, &mut self.sends);
            return Ok(());
        }
        if self.slots.as_ref().expect("until drop").is_full() {
            self.flush()?;
        }
        self.slots.as_mut().expect("until drop").push(head, body);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let used = self.slots.as_ref().expect("until drop").used();
        if used == 0 {
            return Ok(());
        }
        self.enable()?;
        let mut waiting: Vec<usize> = (0..used).collect();
        for tried in 1..=TRIES {
            self.send_slots(&waiting)?;
            let (answers, sends) = (&self.answers, &mut self.sends);
            waiting.retain(|&slot| {
                let answer = if answers[slot] < 0 { Err(Errno::from_raw_os_error(-answers[slot])) } else { Ok(()) };
                !sends.judge(answer, tried)
            });
            if waiting.is_empty() {
                break;
            }
            room(self.fd.as_fd());
        }
        self.slots.as_mut().expect("until drop").clear();
        Ok(())
    }

    fn sends(&self) -> &Sends {
        &self.sends
    }
}

impl Drop for MessageRing {
    fn drop(&mut self) {
        if self.enabled && (self.armed || self.in_flight > 0) {
            let _ = self.ring.submitter().submit();
            let _ = self.ring.submitter().register_sync_cancel(None, CancelBuilder::any());
            for _ in 0..1000 {
                self.reap();
                if !self.armed && self.in_flight == 0 {
                    break;
                }
                let _ = self.enter(0);
                std::thread::yield_now();
            }
            if self.armed || self.in_flight > 0 {
                // Rather lost than written to after it is given to somebody else.
                std::mem::forget(self.buffers.take());
                std::mem::forget(self.slots.take());
            }
        }
    }
}
