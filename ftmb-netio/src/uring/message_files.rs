//! Messages of a character device (a tap interface) by plain system calls: one `read` or `write` each.
//!
//! Invariant: a message that was pushed has been offered to the kernel when `push` returns; nothing waits for a flush.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use super::file::EngineKind;
use super::message_plain::room;
use super::messages::{Message, Messages, Sends, TRIES};

/// The engine for devices, without io_uring.
#[derive(Debug)]
pub(super) struct PlainFrames {
    fd: OwnedFd,
    /// The longest message, and one byte more, so that a longer one is noticed.
    bytes: Box<[u8]>,
    sends: Sends,
}

impl PlainFrames {
    pub(super) fn open(fd: BorrowedFd<'_>, payload: usize) -> io::Result<PlainFrames> {
        let bytes = vec![0; payload + 1].into_boxed_slice();
        Ok(PlainFrames { fd: fd.try_clone_to_owned()?, bytes, sends: Sends::default() })
    }
}

impl Messages for PlainFrames {
    fn kind(&self) -> EngineKind {
        EngineKind::Plain
    }

    fn receive(&mut self, limit: usize, take: &mut dyn FnMut(Message<'_>) -> bool) -> io::Result<usize> {
        let mut taken = 0;
        while taken < limit {
            let length = match rustix::io::read(&self.fd, &mut self.bytes[..]) {
                Ok(length) => length,
                // An error that lasts comes again at the next call.
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error.into()),
            };
            taken += 1;
            let truncated = length == self.bytes.len();
            if !take(Message { name: &[], control: &[], payload: &mut self.bytes[..length], truncated }) {
                break;
            }
        }
        Ok(taken)
    }

    fn push(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        write_now(self.fd.as_fd(), head, body, &mut self.sends);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sends(&self) -> &Sends {
        &self.sends
    }
}

/// Writes one message from where it lies, at once.
pub(super) fn write_now(fd: BorrowedFd<'_>, head: &[u8], body: &[u8], sends: &mut Sends) {
    let parts = [IoSlice::new(head), IoSlice::new(body)];
    for tried in 1..=TRIES {
        if sends.judge(rustix::io::writev(fd, &parts).map(drop), tried) {
            return;
        }
        room(fd);
    }
}
