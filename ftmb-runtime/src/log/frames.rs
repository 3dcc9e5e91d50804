//! Frames: the records of every log but `det`. Invariant: the writer touches only bytes in `[tail, trimmed + capacity)`, which
//! no reader looks at; a reader touches only bytes in `[trimmed, tail)`, which the writer does not change.

use std::sync::atomic::Ordering;

use super::{FRAME_HEADER, Log, LogError, MAX_PAYLOAD, SLACK};

/// Low bits of the position, mixed, so that bytes of an earlier round of the ring are not taken for a frame.
pub(super) fn mark_of(position: u64) -> u16 {
    ((position >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16
}

pub(super) const fn padded(len: usize) -> u64 {
    ((len + 7) & !7) as u64
}

/// One record of a log.
#[derive(Clone, Copy, Debug)]
pub struct FrameRef<'a> {
    /// Where it starts.
    pub position: u64,
    /// Where the next one starts.
    pub next: u64,
    /// What it is; the meaning belongs to the kind of log.
    pub kind: u8,
    /// Further bits of the same.
    pub flags: u8,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// The single writer of a log of frames.
#[derive(Debug)]
pub struct FrameWriter {
    log: Log,
    tail: u64,
    published: u64,
    trimmed: u64,
}

impl FrameWriter {
    pub(super) fn attach(log: Log) -> Result<FrameWriter, LogError> {
        let tail = log.tail();
        let mut writer = FrameWriter { trimmed: log.trimmed(), published: tail, tail, log };
        writer.check_last_batch()?;
        Ok(writer)
    }

    /// Walks from the hint to the tail: the frames of the last batch must be whole.
    fn check_last_batch(&mut self) -> Result<(), LogError> {
        let mut reader = self.last_batch();
        while reader.position() < self.tail {
            reader.next()?;
        }
        if reader.position() == self.tail {
            return Ok(());
        }
        Err(LogError::Torn {
            path: self.log.path().into(),
            position: self.tail,
            expected: "a frame that ends at the tail",
            found: reader.position(),
        })
    }

    /// The log that is written.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Where the next frame starts. Not yet visible to readers.
    pub fn position(&self) -> u64 {
        self.tail
    }

    /// The position up to which readers see.
    pub fn published(&self) -> u64 {
        self.published
    }

    /// Bytes that can be appended before something must be trimmed, frame headers included.
    pub fn room(&mut self) -> u64 {
        self.trimmed = self.log.trimmed();
        self.trimmed + self.log.capacity() - self.tail
    }

    /// Whether `bytes` can be appended; reads the shared trim position only if the last one known does not suffice.
    pub fn has_room(&mut self, bytes: u64) -> bool {
        self.trimmed + self.log.capacity() - self.tail >= bytes || self.room() >= bytes
    }

    /// Payload space of the frame at [`position`](Self::position); `None` if the log has no room for it.
    ///
    /// # Panics
    /// If `len` exceeds [`MAX_PAYLOAD`].
    #[inline]
    pub fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        assert!(len <= MAX_PAYLOAD, "a payload of {len} bytes exceeds the largest, {MAX_PAYLOAD}");
        if !self.has_room(padded(FRAME_HEADER + len)) {
            return None;
        }
        let offset = (self.tail & (self.log.capacity() - 1)) as usize;
        // SAFETY: offset < capacity and FRAME_HEADER + len <= SLACK, so the slice lies inside the mapping; the bytes are
        // beyond the tail and, by `has_room`, not retained, so no reader looks at them; `&mut self` makes it the only slice
        // of this writer, and a log has one writer. Test: `frames_at_the_end_of_the_ring_run_into_the_slack`.
        Some(unsafe { std::slice::from_raw_parts_mut(self.log.ring().add(offset + FRAME_HEADER), len) })
    }

    /// Appends the frame whose payload was written into [`reserve`](Self::reserve)'s space.
    ///
    /// # Panics
    /// If there is no room for `len` (it was not reserved).
    #[inline]
    pub fn commit(&mut self, kind: u8, flags: u8, len: usize) {
        assert!(len <= MAX_PAYLOAD && self.has_room(padded(FRAME_HEADER + len)), "commit of {len} bytes not reserved");
        let offset = (self.tail & (self.log.capacity() - 1)) as usize;
        let mut header = [0; FRAME_HEADER];
        header[..4].copy_from_slice(&((FRAME_HEADER + len) as u32).to_le_bytes());
        header[4] = kind;
        header[5] = flags;
        header[6..].copy_from_slice(&mark_of(self.tail).to_le_bytes());
        // SAFETY: as in `reserve`: inside the mapping, beyond the tail, single writer.
        unsafe { self.log.ring().add(offset).cast::<[u8; FRAME_HEADER]>().write(header) };
        self.tail += padded(FRAME_HEADER + len);
    }

    /// Appends one frame made of `parts`; returns where it starts, or `None` if there is no room.
    ///
    /// # Panics
    /// If the parts together exceed [`MAX_PAYLOAD`].
    pub fn append(&mut self, kind: u8, flags: u8, parts: &[&[u8]]) -> Option<u64> {
        let len = parts.iter().map(|part| part.len()).sum();
        let position = self.tail;
        let mut space = self.reserve(len)?;
        for part in parts {
            let (now, rest) = space.split_at_mut(part.len());
            now.copy_from_slice(part);
            space = rest;
        }
        self.commit(kind, flags, len);
        Some(position)
    }

    /// Makes everything appended visible, by one release store.
    #[inline]
    pub fn publish(&mut self) {
        if self.tail != self.published {
            let before = self.published;
            self.log.set_tail(self.tail);
            // Relaxed: a stale hint only lengthens the walk of `check_last_batch`, which stays within one batch.
            self.log.hint().store(before, Ordering::Relaxed);
            self.published = self.tail;
        }
    }

    /// The frames appended by the last publication of this log's writer, dead or alive, as far as they are retained: for whoever
    /// continues its bookkeeping. Where those were that are not, a dead writer may have left what it did not publish.
    ///
    /// # Errors
    /// [`LogError::Torn`] if they are damaged.
    pub fn last_batch(&self) -> FrameReader {
        self.log.reader(self.log.hint().load(Ordering::Acquire).max(self.log.trimmed()))
    }
}

/// A cursor over the frames of a log. Any number of readers may exist.
#[derive(Debug)]
pub struct FrameReader {
    log: Log,
    position: u64,
    tail: u64,
}

impl FrameReader {
    pub(super) fn new(log: Log, position: u64) -> FrameReader {
        FrameReader { log, position, tail: 0 }
    }

    /// The log that is read.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Where the next frame starts.
    #[inline]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes to the frame that starts at `to`.
    pub fn seek(&mut self, to: u64) {
        self.position = to;
    }

    /// The next frame, or `None` if no more are published.
    ///
    /// # Errors
    /// [`LogError::Torn`] if the bytes there are no frame, [`LogError::NotRetained`] if they were trimmed long ago.
    #[allow(clippy::should_implement_trait)] // lends from self
    #[inline]
    pub fn next(&mut self) -> Result<Option<FrameRef<'_>>, LogError> {
        self.next_below(u64::MAX)
    }

    /// As [`next`](Self::next), but frames that start at `limit` or later are not there.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    #[inline]
    pub fn next_below(&mut self, limit: u64) -> Result<Option<FrameRef<'_>>, LogError> {
        let Some((position, next)) = self.locate(limit)? else { return Ok(None) };
        self.position = next;
        Ok(Some(self.frame(position, next)))
    }

    /// The next frame, without going past it.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    #[inline]
    pub fn peek(&mut self) -> Result<Option<FrameRef<'_>>, LogError> {
        Ok(self.locate(u64::MAX)?.map(|(position, next)| self.frame(position, next)))
    }

    /// Checks the frame at the cursor and returns where it starts and ends.
    #[inline]
    fn locate(&mut self, limit: u64) -> Result<Option<(u64, u64)>, LogError> {
        if self.position >= self.tail {
            self.tail = self.log.tail();
        }
        if self.position >= self.tail.min(limit) {
            return Ok(None);
        }
        if !self.position.is_multiple_of(8) {
            return Err(self.broken(self.position));
        }
        let header = self.header(self.position);
        let len = u64::from(header as u32);
        let next = self.position + padded(len as usize);
        if len < FRAME_HEADER as u64
            || len > SLACK
            || (header >> 48) as u16 != mark_of(self.position)
            || next > self.tail
        {
            return Err(self.broken(header));
        }
        Ok(Some((self.position, next)))
    }

    #[inline]
    fn header(&self, position: u64) -> u64 {
        let offset = (position & (self.log.capacity() - 1)) as usize;
        // SAFETY: 8-byte aligned, offset + 8 <= capacity + SLACK, inside the mapping; below the tail, so the writer published
        // it before. Test: `torn_frames_are_errors`.
        u64::from_le(unsafe { self.log.ring().add(offset).cast::<u64>().read() })
    }

    #[inline]
    fn frame(&self, position: u64, next: u64) -> FrameRef<'_> {
        let header = self.header(position);
        let offset = (position & (self.log.capacity() - 1)) as usize;
        // SAFETY: `locate` checked that the length is between the header's and SLACK, so the slice lies inside the mapping;
        // published bytes do not change until the owner trims them, which it does only behind every reader's cursor
        // (protocol section 2: each log says until when it is retained). Test: `torn_frames_are_errors`.
        let payload = unsafe {
            std::slice::from_raw_parts(
                self.log.ring().add(offset + FRAME_HEADER),
                header as u32 as usize - FRAME_HEADER,
            )
        };
        FrameRef { position, next, kind: (header >> 32) as u8, flags: (header >> 40) as u8, payload }
    }

    #[cold]
    fn broken(&self, header: u64) -> LogError {
        let trimmed = self.log.trimmed();
        if self.position < trimmed {
            let (path, tail) = (self.log.path().into(), self.log.tail());
            return LogError::NotRetained { path, position: self.position, trimmed, tail };
        }
        LogError::Torn {
            path: self.log.path().into(),
            position: self.position,
            expected: "a frame header with this position's mark",
            found: header,
        }
    }
}
