//! What moves whole messages (frames, datagrams) through a descriptor: many per system call, in both directions.
//!
//! Invariant: every message that was pushed is, after a flush that returned without an error, counted in [`Sends`] exactly
//! once: as taken by the kernel, or as refused with its reason. None is lost silently, none is sent twice.

use std::fmt::Debug;
use std::io;

use rustix::io::Errno;

use super::file::EngineKind;

/// Bytes of the longest message that is sent together with others; a longer one is a system call of its own, which costs
/// little beside its bytes, and is not copied here.
pub const SLOT: usize = 2048;
/// Messages sent together, at most.
pub const SLOTS: usize = 128;
/// How often one flush offers messages again that the kernel has no room for.
pub(super) const TRIES: u32 = 8;

/// What is received with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Room for the sender's address, in bytes.
    pub name: usize,
    /// Room for control data, in bytes.
    pub control: usize,
    /// Room for the message itself, in bytes.
    pub payload: usize,
}

/// A message that came in.
#[derive(Debug)]
pub struct Message<'a> {
    /// The sender's address, as the kernel writes it.
    pub name: &'a [u8],
    /// Control messages, as the kernel writes them.
    pub control: &'a [u8],
    /// The message, or as much of it as there was room for. Its taker may change it.
    pub payload: &'a mut [u8],
    /// It was longer than the room for it.
    pub truncated: bool,
}

/// What became of messages that were pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sends {
    /// Taken by the kernel.
    pub sent: u64,
    /// Refused because the interface was down or gone.
    pub link_down: u64,
    /// Refused because a queue stayed full.
    pub queue_full: u64,
    /// Refused because the interface does not take frames of this length.
    pub too_long: u64,
    /// Refused for another reason.
    pub refused: u64,
    /// The last reason why one was refused.
    pub reason: Option<Errno>,
}

impl Sends {
    /// All that were refused.
    pub fn lost(&self) -> u64 {
        self.link_down + self.queue_full + self.too_long + self.refused
    }

    /// Counts the kernel's answer to the `tried`th time that a message was offered; false if it is to be offered again.
    pub(super) fn judge(&mut self, answer: Result<(), Errno>, tried: u32) -> bool {
        let reason = match answer {
            Ok(()) => {
                self.sent += 1;
                return true;
            }
            Err(reason) => reason,
        };
        let last_try = tried >= TRIES;
        let count = match reason {
            Errno::AGAIN | Errno::NOBUFS | Errno::INTR | Errno::NOMEM | Errno::CANCELED if !last_try => return false,
            // A socket says once to whoever comes next that its interface was down, also when that is long over.
            Errno::NETDOWN if tried == 1 => return false,
            Errno::AGAIN | Errno::NOBUFS | Errno::INTR | Errno::NOMEM | Errno::CANCELED => &mut self.queue_full,
            // A tap interface that is down calls it an error of input and output; one that is gone, a bad state.
            Errno::IO | Errno::BADFD => &mut self.link_down,
            Errno::NETDOWN | Errno::NXIO | Errno::NODEV | Errno::NETUNREACH | Errno::HOSTUNREACH => &mut self.link_down,
            Errno::MSGSIZE => &mut self.too_long,
            _ => &mut self.refused,
        };
        *count += 1;
        self.reason = Some(reason);
        true
    }
}

/// Receives and sends messages through one descriptor. One thread uses it, from the first call on.
pub trait Messages: Send + Debug {
    /// Which kind of engine this is.
    fn kind(&self) -> EngineKind;

    /// Hands up to `limit` messages to `take`, in the order in which they came, and returns how many. Ends early when
    /// `take` returns false (that message counts). Does not wait.
    ///
    /// # Errors
    /// What the kernel says instead of a message, once; later calls go on behind it.
    fn receive(&mut self, limit: usize, take: &mut dyn FnMut(Message<'_>) -> bool) -> io::Result<usize>;

    /// Sends `head` and `body` as one message: at once if it is long, else with the next flush at the latest. Messages leave in
    /// the order in which they were pushed, but for those that the kernel first had no room for.
    ///
    /// # Errors
    /// If the kernel can not be asked at all.
    fn push(&mut self, head: &[u8], body: &[u8]) -> io::Result<()>;

    /// Sends what was pushed; afterwards the kernel has it, or it is counted as refused.
    ///
    /// # Errors
    /// If the kernel can not be asked at all.
    fn flush(&mut self) -> io::Result<()>;

    /// What became of what was pushed, since the engine was opened.
    fn sends(&self) -> &Sends;
}
