//! Watching a log that belongs to others. Invariant: a follower never hinders the log's writer or owner, and hands out only frames
//! that were whole when they were copied; what it was too slow for is counted, never guessed.
//!
//! ```text
//!           tail - capacity        trimmed                 tail                     trimmed + capacity
//!              |   overwritten?       |   nobody changes it  |   the writer's, unseen     |
//!                     ^ still whole while no further than half a ring behind the tail: the writer publishes before it has
//!                       written more than that
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

use super::frames::{mark_of, padded};
use super::{FRAME_HEADER, FrameRef, Log, SLACK};

/// What a follower found.
#[derive(Clone, Copy, Debug)]
pub enum Followed<'a> {
    /// The next frame; its payload is a copy.
    Frame(FrameRef<'a>),
    /// These positions were overwritten before they could be read.
    Missed {
        /// The first of them.
        from: u64,
        /// Where it goes on.
        to: u64,
    },
    /// The log was emptied for a new epoch; it goes on at its start.
    Restarted,
}

/// A cursor that follows a log without being known to it. See [`FrameReader`](super::FrameReader) for those who are.
///
/// ```
/// use ftmb_runtime::log::{Followed, Follower, Log, LogKind, LogSpec};
/// let log = Log::anonymous(LogSpec { kind: LogKind::In, capacity: 1 << 17, fingerprint: 7 })?;
/// let mut follower = Follower::new(log.clone(), 0);
/// let mut writer = log.writer()?;
/// writer.append(1, 0, &[b"hello"]).expect("room");
/// writer.publish();
/// log.trim(log.tail()); // its owner needs it no more; it may still be seen for a while
/// let Some(Followed::Frame(frame)) = follower.next() else { panic!("it is there") };
/// assert_eq!(frame.payload, b"hello");
/// assert!(follower.next().is_none());
/// # Ok::<(), ftmb_runtime::log::LogError>(())
/// ```
#[derive(Debug)]
pub struct Follower {
    log: Log,
    position: u64,
    bytes: Vec<u8>,
}

impl Follower {
    /// Follows `log` from the frame that starts at `from`.
    pub fn new(log: Log, from: u64) -> Follower {
        Follower { log, position: from, bytes: Vec::new() }
    }

    /// Where the next frame starts.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes back to a frame that was handed out, to see it again.
    pub fn seek(&mut self, to: u64) {
        self.position = to;
    }

    /// The next frame, or what became of it; `None` if no more are published.
    #[allow(clippy::should_implement_trait)] // lends from self
    pub fn next(&mut self) -> Option<Followed<'_>> {
        let tail = self.log.tail();
        if self.position == tail {
            return None;
        }
        if self.position > tail {
            self.position = 0;
            return Some(Followed::Restarted);
        }
        let position = self.position;
        let Some(header) = self.copy_frame(position, tail) else {
            let from = position;
            // Frames start at both; what was not overwritten and yet is no frame will not become one.
            let trimmed = self.log.trimmed();
            self.position = if trimmed > from { trimmed } else { tail };
            return Some(Followed::Missed { from, to: self.position });
        };
        let len = header as u32 as usize;
        let next = position + padded(len);
        self.position = next;
        let payload = &self.bytes[FRAME_HEADER..len];
        Some(Followed::Frame(FrameRef {
            position,
            next,
            kind: (header >> 32) as u8,
            flags: (header >> 40) as u8,
            payload,
        }))
    }

    /// Copies the frame at `position`; its header, if all of it was whole.
    fn copy_frame(&mut self, position: u64, tail: u64) -> Option<u64> {
        if !position.is_multiple_of(8) {
            return None;
        }
        let header = self.word(position);
        let len = u64::from(header as u32);
        let next = position + padded(len as usize);
        let plausible = (FRAME_HEADER as u64..=SLACK).contains(&len) && next <= tail;
        if !plausible || (header >> 48) as u16 != mark_of(position) {
            return None;
        }
        self.bytes.clear();
        // Contiguous: what starts in the ring may run on into the slack.
        for word in 0..len.div_ceil(8) {
            let word = self.load((position & (self.log.capacity() - 1)) + 8 * word);
            self.bytes.extend_from_slice(&word.to_le_bytes());
        }
        // SeqCst: the copy above before the looks below; pairs with the Release of tail and trim, whose writer changes these
        // bytes only after it has seen the trim.
        std::sync::atomic::fence(Ordering::SeqCst);
        let behind = self.log.tail().wrapping_sub(position);
        if self.log.trimmed() > position && behind > self.log.capacity() / 2 {
            return None;
        }
        Some(header)
    }

    fn word(&self, position: u64) -> u64 {
        self.load(position & (self.log.capacity() - 1))
    }

    /// A word of the ring (or the slack behind it), which somebody may be overwriting.
    fn load(&self, offset: u64) -> u64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.log.capacity() + SLACK, "{offset} is outside the ring");
        // SAFETY: aligned (the ring begins at a page) and inside the mapping, both checked above. The writer may be changing
        // these bytes from another process or thread: hence an atomic load, whose value is used only if tail and trim say
        // afterwards that nobody did. Test: `a_follower_sees_every_frame_whole_or_says_that_it_missed_some`.
        let word = unsafe { AtomicU64::from_ptr(self.log.ring().add(offset as usize).cast()) };
        // Relaxed: ordered by the Acquire of the tail before and the fence after.
        u64::from_le(word.load(Ordering::Relaxed))
    }
}
