//! Records of a capture file, one after the other, with large reads ahead of them.
//!
//! Invariant: a record is contiguous in the current chunk when it is handed out. Each chunk is read behind a gap as
//! long as the longest record, into which the beginning of a record that the chunk before cut off is copied.
//!
//! ```text
//! chunk n    |<- gap ->|... record | record | rec|
//! chunk n+1  |      rec|ord | record | record ...|        up to AHEAD chunks are in flight or wait behind the current
//!             copied ^ ^ read from the file
//! ```

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::super::{PortError, Truncated};
use super::format::{FILE_HEADER, Format, RECORD_HEADER, RecordHeader};
use crate::uring::{DEPTH, FileIo, Request};

/// Bytes of one read.
pub(super) const CHUNK: usize = 256 * 1024;
/// Reads in flight, or finished ahead of use.
pub(super) const AHEAD: usize = 4;

const _: () = assert!(AHEAD <= DEPTH);

/// What stands next in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peek {
    /// A whole record.
    Record(RecordHeader),
    /// Not read yet.
    Pending,
    /// The end, after a whole record.
    End,
}

#[derive(Debug)]
struct Chunk {
    token: u64,
    /// Where it starts in the file.
    offset: u64,
    asked: usize,
    ready: Option<Vec<u8>>,
}

/// A capture file being read from its start to the length that it had when it was opened.
#[derive(Debug)]
pub(super) struct CaptureReader {
    engine: Box<dyn FileIo>,
    path: PathBuf,
    format: Format,
    limit: u32,
    chunk: usize,
    gap: usize,
    length: u64,
    /// `buffer[start..end]` is what is not consumed of the current chunk; it stands at `offset` in the file.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    consumed: u64,
    chunks: VecDeque<Chunk>,
    next_read: u64,
    next_token: u64,
    spare: Vec<Vec<u8>>,
}

impl CaptureReader {
    /// Reads the file behind `engine` with reads of `chunk` bytes. Records longer than `limit` bytes, or than the file's
    /// own snap length, are refused.
    pub(super) fn new(
        engine: Box<dyn FileIo>,
        path: &Path,
        format: Format,
        length: u64,
        limit: u32,
        chunk: usize,
    ) -> CaptureReader {
        let limit = limit.min(format.snap);
        CaptureReader {
            engine,
            path: path.to_owned(),
            format,
            limit,
            chunk,
            gap: RECORD_HEADER + limit as usize,
            length,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: FILE_HEADER as u64,
            consumed: 0,
            chunks: VecDeque::with_capacity(AHEAD),
            next_read: FILE_HEADER as u64,
            next_token: 0,
            spare: Vec::new(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Records consumed; the next one has this number plus 1.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Where the next record starts in the file, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Looks at the next record; with `wait`, never [`Peek::Pending`]. An error comes again at the next call, unless
    /// its cause has gone.
    #[inline]
    pub(super) fn peek(&mut self, wait: bool) -> Result<Peek, PortError> {
        loop {
            let rest = &self.buffer[self.start..self.end];
            if let Some(header) = rest.first_chunk::<RECORD_HEADER>() {
                let header = self.format.record(header);
                if header.length > self.limit {
                    return Err(self.too_long(header.length));
                }
                if rest.len() - RECORD_HEADER >= header.length as usize {
                    return Ok(Peek::Record(header));
                }
            }
            if self.offset + (self.end - self.start) as u64 >= self.length {
                return self.at_end();
            }
            if !self.advance_chunk(wait)? {
                return Ok(Peek::Pending);
            }
        }
    }

    /// The bytes of the record that [`CaptureReader::peek`] showed.
    #[inline]
    pub(super) fn bytes(&self, header: &RecordHeader) -> &[u8] {
        &self.buffer[self.start + RECORD_HEADER..][..header.length as usize]
    }

    /// Goes on to the record after the one that [`CaptureReader::peek`] showed.
    #[inline]
    pub(super) fn consume(&mut self, header: &RecordHeader) {
        let whole = RECORD_HEADER + header.length as usize;
        self.start += whole;
        self.offset += whole as u64;
        self.consumed += 1;
    }

    /// Goes back to the first record.
    pub(super) fn restart(&mut self) -> Result<(), PortError> {
        self.consumed = 0;
        self.reread(FILE_HEADER as u64)
    }

    fn too_long(&self, found: u32) -> PortError {
        PortError::RecordTooLong { path: self.path.clone(), offset: self.offset, limit: self.limit, found }
    }

    /// All of the file is in the buffer, and what is there is not a whole record.
    fn at_end(&self) -> Result<Peek, PortError> {
        let rest = &self.buffer[self.start..self.end];
        let (part, offset, expected, found) = match rest.first_chunk::<RECORD_HEADER>() {
            _ if rest.is_empty() => return Ok(Peek::End),
            None => (Truncated::RecordHeader, self.offset, RECORD_HEADER, rest.len()),
            Some(header) => {
                let length = self.format.record(header).length as usize;
                (Truncated::Record, self.offset + RECORD_HEADER as u64, length, rest.len() - RECORD_HEADER)
            }
        };
        let path = self.path.clone();
        Err(PortError::CutShort { path, part, offset, expected: expected as u64, found: found as u64 })
    }

    /// Puts the next chunk behind what is left of the current one. False: it is not read yet.
    fn advance_chunk(&mut self, wait: bool) -> Result<bool, PortError> {
        self.read_ahead();
        while self.chunks.front().is_some_and(|chunk| chunk.ready.is_none()) {
            match self.engine.finish(wait) {
                Ok(Some(done)) => self.file(done)?,
                Ok(None) => return Ok(false),
                Err(source) => return Err(self.io("wait for a read of", self.offset, source)),
            }
        }
        let Some(Chunk { asked, ready: Some(mut buffer), .. }) = self.chunks.pop_front() else { return Ok(false) };
        let left = self.end - self.start;
        buffer[self.gap - left..self.gap].copy_from_slice(&self.buffer[self.start..self.end]);
        let used = std::mem::replace(&mut self.buffer, buffer);
        (self.start, self.end) = (self.gap - left, self.gap + asked);
        if !used.is_empty() {
            self.spare.push(used);
        }
        self.read_ahead();
        Ok(true)
    }

    fn read_ahead(&mut self) {
        while self.chunks.len() < AHEAD && self.next_read < self.length {
            let asked = (self.length - self.next_read).min(self.chunk as u64) as usize;
            let buffer = self.spare.pop().unwrap_or_else(|| vec![0; self.gap + self.chunk]);
            let request = Request::read(self.next_token, self.next_read, buffer, self.gap..self.gap + asked);
            if let Err(back) = self.engine.start(request) {
                self.spare.push(back.into_buffer());
                return;
            }
            self.chunks.push_back(Chunk { token: self.next_token, offset: self.next_read, asked, ready: None });
            self.next_token += 1;
            self.next_read += asked as u64;
        }
    }

    /// Files a finished read with its chunk. After a failure everything not consumed will be read again.
    fn file(&mut self, done: crate::uring::Completion) -> Result<(), PortError> {
        let Some(chunk) = self.chunks.iter_mut().find(|chunk| chunk.token == done.token) else {
            self.spare.push(done.buffer);
            return Ok(());
        };
        let (offset, asked) = (chunk.offset, chunk.asked);
        let error = match done.result {
            Ok(read) if read == asked => {
                chunk.ready = Some(done.buffer);
                return Ok(());
            }
            Ok(read) => {
                PortError::Shrank { path: self.path.clone(), expected: self.length, found: offset + read as u64 }
            }
            Err(source) => self.io("read", offset, source),
        };
        self.spare.push(done.buffer);
        self.reread(self.offset)?;
        Err(error)
    }

    /// Forgets what is read ahead, and reads on from `offset`.
    fn reread(&mut self, offset: u64) -> Result<(), PortError> {
        self.chunks.retain(|chunk| chunk.ready.is_none());
        (self.start, self.end) = (0, 0);
        (self.offset, self.next_read) = (offset, offset);
        let drained = loop {
            match self.engine.finish(true) {
                Ok(Some(done)) => self.spare.push(done.buffer),
                Ok(None) => break Ok(()),
                Err(source) => break Err(self.io("wait for a read of", offset, source)),
            }
        };
        self.chunks.clear();
        self.spare.truncate(AHEAD);
        drained
    }

    fn io(&self, doing: &'static str, offset: u64, source: io::Error) -> PortError {
        PortError::Io { path: self.path.clone(), offset, doing, source }
    }
}
