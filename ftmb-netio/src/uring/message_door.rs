//! The requests by which messages pass a descriptor on io_uring: those of a socket, or those of a character device.
//!
//! Invariant: a send is complete when it has been submitted (a socket is told not to wait, a tap device takes a frame or drops it),
//! and a receive waits in the kernel by polling.
//!
//! ```text
//! a buffer filled by a socket:    |payload length, flags ... 16|name|control|payload ...|      struct io_uring_recvmsg_out first
//! a buffer filled by a device:    |payload ...|
//! ```

use std::os::fd::BorrowedFd;

use io_uring::types::Fixed;
use io_uring::{IoUring, Probe, opcode, squeue};

use super::address::Address;
use super::message_files::write_now;
use super::message_plain::send_now;
use super::messages::{Message, Sends, Shape};
use super::ring::UringUnavailable;

/// Bytes that the kernel writes in front of a message received from a socket: `struct io_uring_recvmsg_out`.
const HEAD: usize = 16;

/// How messages come and leave.
pub(super) enum Door {
    /// By `recvmsg` and `send`.
    Socket {
        shape: Shape,
        /// Tells the kernel the shape; without pointers.
        header: Box<libc::msghdr>,
        /// Where messages go, if the socket is connected to nobody.
        to: Option<Box<Address>>,
    },
    /// By `read` and `write`; the longest message, and one byte, so that a longer one is noticed.
    Device { room: usize },
}

// SAFETY: the only raw pointers are those in `header`, all null; the kernel gets its lengths.
unsafe impl Send for Door {}

impl Door {
    pub(super) fn socket(shape: Shape, to: Option<Address>) -> Door {
        // SAFETY: a message header of zeroes is one without name, data and control data.
        let mut header: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        header.msg_namelen = shape.name as _;
        header.msg_controllen = shape.control as _;
        Door::Socket { shape, header, to: to.map(Box::new) }
    }

    pub(super) fn device(payload: usize) -> Door {
        Door::Device { room: payload + 1 }
    }

    /// Whether this kernel's io_uring has what is needed here.
    pub(super) fn check(&self, ring: &IoUring) -> Result<(), UringUnavailable> {
        if matches!(self, Door::Socket { .. }) {
            // A kernel that takes rings of buffers has these.
            return Ok(());
        }
        let mut supported = Probe::new();
        let asked = ring.submitter().register_probe(&mut supported).is_ok();
        if asked && supported.is_supported(opcode::ReadMulti::CODE) {
            return Ok(());
        }
        Err(UringUnavailable::Operation { operation: "READ_MULTISHOT", since: "6.7" })
    }

    /// Bytes of a buffer to receive into.
    pub(super) fn room(&self) -> usize {
        match self {
            Door::Socket { shape, .. } => HEAD + shape.name + shape.control + shape.payload,
            Door::Device { room } => *room,
        }
    }

    /// The request to receive, again and again, into buffers of the kernel's choice. It points to what belongs to this door.
    pub(super) fn receive(&self) -> squeue::Entry {
        match self {
            Door::Socket { header, .. } => opcode::RecvMsgMulti::new(Fixed(0), &raw const **header, 0).build(),
            // A length of 0: that of the buffer. The flag is that of `Fixed`, which version 0.7 of the crate forgets here.
            Door::Device { .. } => {
                opcode::ReadMulti::new(Fixed(0), 0, 0).offset(u64::MAX).build().flags(squeue::Flags::FIXED_FILE)
            }
        }
    }

    /// The request to send a message. It points to the message, and to what belongs to this door.
    pub(super) fn send(&self, message: &[u8]) -> squeue::Entry {
        let (start, length) = (message.as_ptr(), message.len() as u32);
        match self {
            Door::Socket { to, .. } => {
                let to = to.as_ref().map_or(&[][..], |to| to.as_bytes());
                let send = opcode::Send::new(Fixed(0), start, length).flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
                let name = if to.is_empty() { std::ptr::null() } else { to.as_ptr().cast() };
                send.dest_addr(name).dest_addr_len(to.len() as _).build()
            }
            Door::Device { .. } => opcode::Write::new(Fixed(0), start, length).offset(u64::MAX).build(),
        }
    }

    /// Sends a long message from where it lies, at once, by a system call of its own.
    pub(super) fn send_now(&self, fd: BorrowedFd<'_>, head: &[u8], body: &[u8], sends: &mut Sends) {
        match self {
            Door::Socket { to, .. } => send_now(fd, to.as_deref(), head, body, sends),
            Door::Device { .. } => write_now(fd, head, body, sends),
        }
    }

    /// The message in a buffer that the kernel has filled.
    pub(super) fn parse<'a>(&self, bytes: &'a mut [u8]) -> Option<Message<'a>> {
        match self {
            Door::Socket { shape, .. } => parse(bytes, *shape),
            Door::Device { room } => {
                Some(Message { name: &[], control: &[], truncated: bytes.len() == *room, payload: bytes })
            }
        }
    }
}

/// With the room that the shape says for name and control data.
fn parse(bytes: &mut [u8], shape: Shape) -> Option<Message<'_>> {
    let (head, rest) = bytes.split_at_mut_checked(HEAD)?;
    let word = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let (name_length, control_length, payload_length, flags) = (word(0), word(4), word(8), word(12));
    let (name, rest) = rest.split_at_mut_checked(shape.name)?;
    let (control, payload) = rest.split_at_mut_checked(shape.control)?;
    let truncated = flags & libc::MSG_TRUNC as usize != 0 || payload_length > payload.len();
    let length = payload_length.min(payload.len());
    Some(Message {
        name: &name[..name_length.min(shape.name)],
        control: &control[..control_length.min(shape.control)],
        payload: &mut payload[..length],
        truncated,
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Lengths that say more than there is, or than there was room for, are cut.
        #[test]
        fn whatever_stands_in_a_buffer_is_a_message_within_it_or_none(
            mut bytes in vec(any::<u8>(), 0..200), name in 0..40_usize, control in 0..60_usize, payload in 0..100_usize,
            small in any::<bool>(),
        ) {
            if small && bytes.len() >= HEAD {
                // Lengths that may be right.
                (0..3).for_each(|word| bytes[4 * word + 1..4 * word + 4].fill(0));
            }
            let shape = Shape { name, control, payload };
            let (length, before) = (bytes.len(), bytes.clone());
            match parse(&mut bytes, shape) {
                None => prop_assert!(length < HEAD + name + control),
                Some(message) => {
                    prop_assert!(message.name.len() <= name && message.control.len() <= control);
                    let said = u32::from_ne_bytes(before[8..12].try_into().unwrap()) as usize;
                    prop_assert_eq!(message.payload.len(), said.min(length - HEAD - name - control));
                    prop_assert!(message.truncated || message.payload.len() == said);
                    let at = HEAD + name + control;
                    prop_assert_eq!(&*message.payload, &before[at..at + message.payload.len()]);
                    let _ = Address::read(message.name);
                }
            }
        }
    }
}
