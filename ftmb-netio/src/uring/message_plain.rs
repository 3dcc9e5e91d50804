//! Messages by plain system calls: `recvmmsg` and `sendmmsg`.
//!
//! Invariant: what was received together is handed out in order before anything else is received.

use std::fmt;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::address::Address;
use super::file::EngineKind;
use super::messages::{Message, Messages, SLOT, SLOTS, Sends, Shape, TRIES};
use super::slots::Slots;

/// Messages received together.
const BATCH: usize = 64;

/// The engine without io_uring.
pub(super) struct PlainMessages {
    fd: OwnedFd,
    shape: Shape,
    /// Where messages go, if the socket is connected to nobody.
    to: Option<Address>,
    /// [`BATCH`] times name, control data and payload.
    bytes: Box<[u8]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
    vectors: Box<[libc::iovec; BATCH]>,
    ready: Range<usize>,
    slots: Slots,
    sends: Sends,
}

// SAFETY: the raw pointers in `headers` and `vectors` point into the boxes beside them and are set before each use.
unsafe impl Send for PlainMessages {}

impl fmt::Debug for PlainMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainMessages").field("fd", &self.fd).field("sends", &self.sends).finish_non_exhaustive()
    }
}

impl PlainMessages {
    pub(super) fn open(fd: BorrowedFd<'_>, shape: Shape, to: Option<Address>) -> io::Result<PlainMessages> {
        let length = BATCH * (shape.name + shape.control + shape.payload);
        Ok(PlainMessages {
            fd: fd.try_clone_to_owned()?,
            shape,
            to,
            bytes: vec![0; length].into_boxed_slice(),
            // SAFETY: headers of zeroes are valid: no name, no data, no control data.
            headers: Box::new(unsafe { std::mem::zeroed() }),
            // SAFETY: a vector of zeroes is an empty one.
            vectors: Box::new(unsafe { std::mem::zeroed() }),
            ready: 0..0,
            slots: Slots::new(),
            sends: Sends::default(),
        })
    }

    fn fetch(&mut self, limit: usize) -> Result<usize, Errno> {
        let Shape { name, control, payload } = self.shape;
        let rooms = self.bytes.chunks_exact_mut(name + control + payload);
        for ((header, vector), room) in self.headers.iter_mut().zip(self.vectors.iter_mut()).zip(rooms) {
            let header = &mut header.msg_hdr;
            *vector = libc::iovec { iov_base: room[name + control..].as_mut_ptr().cast(), iov_len: payload };
            header.msg_iov = &raw mut *vector;
            header.msg_iovlen = 1;
            header.msg_name = room.as_mut_ptr().cast();
            header.msg_namelen = name as _;
            header.msg_control = room[name..].as_mut_ptr().cast();
            header.msg_controllen = control as _;
        }
        let (fd, count) = (self.fd.as_raw_fd(), limit.min(BATCH) as u32);
        // SAFETY: `count` headers, whose pointers and lengths were just set to disjoint parts of `bytes`; all of it outlives the
        // call. Test: `plain_and_ring_say_the_same`.
        let received =
            unsafe { libc::recvmmsg(fd, self.headers.as_mut_ptr(), count, libc::MSG_DONTWAIT, std::ptr::null_mut()) };
        usize::try_from(received).map_err(|_| last_errno())
    }

    /// Sends the slots from `first` on; returns how many of them the kernel took before it refused one.
    fn send_slots(&mut self, first: usize) -> Result<usize, Errno> {
        // SAFETY: as in `open`.
        let mut headers: [libc::mmsghdr; SLOTS] = unsafe { std::mem::zeroed() };
        // SAFETY: as in `open`.
        let mut vectors: [libc::iovec; SLOTS] = unsafe { std::mem::zeroed() };
        let count = self.slots.used() - first;
        for (at, (header, vector)) in headers.iter_mut().zip(&mut vectors).take(count).enumerate() {
            let message = self.slots.message(first + at);
            *vector = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
            header.msg_hdr.msg_iov = &raw mut *vector;
            header.msg_hdr.msg_iovlen = 1;
            address(&mut header.msg_hdr, self.to.as_ref());
        }
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: `count` headers with one vector each, over slots that are only read, and an address; all outlive the call. Test: as above.
        let sent = unsafe { libc::sendmmsg(self.fd.as_raw_fd(), headers.as_mut_ptr(), count as u32, flags) };
        usize::try_from(sent).map_err(|_| last_errno())
    }
}

impl Messages for PlainMessages {
    fn kind(&self) -> EngineKind {
        EngineKind::Plain
    }

    fn receive(&mut self, limit: usize, take: &mut dyn FnMut(Message<'_>) -> bool) -> io::Result<usize> {
        if self.ready.is_empty() {
            self.ready = match self.fetch(limit) {
                Ok(received) => 0..received,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(0),
                Err(error) => return Err(error.into()),
            };
        }
        let Shape { name, control, payload } = self.shape;
        let mut taken = 0;
        while taken < limit {
            let Some(at) = self.ready.next() else { break };
            let (length, header) = (self.headers[at].msg_len as usize, &self.headers[at].msg_hdr);
            let room = &mut self.bytes[at * (name + control + payload)..][..name + control + payload];
            let (names, rest) = room.split_at_mut(name);
            let (controls, payloads) = rest.split_at_mut(control);
            let message = Message {
                name: &names[..(header.msg_namelen as usize).min(name)],
                control: controls.get(..header.msg_controllen as _).unwrap_or_default(),
                payload: &mut payloads[..length.min(payload)],
                truncated: header.msg_flags & libc::MSG_TRUNC != 0,
            };
            taken += 1;
            if !take(message) {
                break;
            }
        }
        Ok(taken)
    }

    fn push(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        if head.len() + body.len() > SLOT {
            self.flush()?;
            send_now(self.fd.as_fd(), self.to.as_ref(), head, body, &mut self.sends);
            return Ok(());
        }
        if self.slots.is_full() {
            self.flush()?;
        }
        self.slots.push(head, body);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let (mut done, mut tried) = (0, 1);
        while done < self.slots.used() {
            match self.send_slots(done) {
                Ok(sent) => {
                    self.sends.sent += sent as u64;
                    done += sent;
                }
                Err(error) if self.sends.judge(Err(error), tried) => done += 1,
                Err(_) => {
                    tried += 1;
                    room(self.fd.as_fd());
                }
            }
        }
        self.slots.clear();
        Ok(())
    }

    fn sends(&self) -> &Sends {
        &self.sends
    }
}

/// Sends one message from where it lies, at once.
pub(super) fn send_now(fd: BorrowedFd<'_>, to: Option<&Address>, head: &[u8], body: &[u8], sends: &mut Sends) {
    let part = |bytes: &[u8]| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut vectors = [part(head), part(body)];
    // SAFETY: a header of zeroes is valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = vectors.as_mut_ptr();
    header.msg_iovlen = vectors.len() as _;
    address(&mut header, to);
    for tried in 1..=TRIES {
        // SAFETY: two vectors over slices, and an address, that are only read and outlive the call. Test: `a_long_message_arrives_in_its_turn`.
        let sent = unsafe { libc::sendmsg(fd.as_raw_fd(), &header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
        if sends.judge(if sent < 0 { Err(last_errno()) } else { Ok(()) }, tried) {
            return;
        }
        room(fd);
    }
}

fn address(header: &mut libc::msghdr, to: Option<&Address>) {
    if let Some(to) = to.map(Address::as_bytes) {
        header.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_namelen = to.len() as _;
    }
}

/// Waits until there may be room to send: a millisecond at most, and a little in any case, for queues that do not tell.
pub(super) fn room(fd: BorrowedFd<'_>) {
    let millisecond = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    let _ = poll(&mut [PollFd::new(&fd, PollFlags::OUT)], Some(&millisecond));
    std::thread::yield_now();
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}
