//! Records to a capture file, gathered into large writes.
//!
//! Invariant: at most one write is under way, and a buffer holds whole records. Were two under way, a process killed
//! between them could leave a hole, and whoever continues the file could not tell where it ends.
//!
//! ```text
//! push -> filling -> waiting (up to QUEUED) -> one write under way -> file
//! ```

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::super::PortError;
use super::format::{RECORD_HEADER, SNAP_LENGTH, file_header, record_header};
use crate::uring::{FileIo, Request};

/// Bytes after which a buffer is written without waiting for a flush.
pub(super) const BUFFER: usize = 256 * 1024;
/// Full buffers that may wait for the one under way.
const QUEUED: usize = 3;

/// A capture file being written.
#[derive(Debug)]
pub(super) struct CaptureWriter {
    engine: Box<dyn FileIo>,
    path: PathBuf,
    created: u64,
    buffer: usize,
    filling: Vec<u8>,
    waiting: VecDeque<Vec<u8>>,
    /// Length of the write under way, in bytes.
    under_way: Option<usize>,
    /// What is in the file, in bytes: where the next write goes.
    written: u64,
    spare: Vec<Vec<u8>>,
}

impl CaptureWriter {
    /// Continues the file behind `engine` after its first `written` bytes; 0: a new file. `created` is added to each
    /// arrival.
    pub(super) fn new(
        engine: Box<dyn FileIo>,
        path: &Path,
        written: u64,
        created: u64,
        buffer: usize,
    ) -> CaptureWriter {
        let mut filling = Vec::with_capacity(buffer);
        if written == 0 {
            filling.extend_from_slice(&file_header());
        }
        CaptureWriter {
            engine,
            path: path.to_owned(),
            created,
            buffer,
            filling,
            waiting: VecDeque::with_capacity(QUEUED + 1),
            under_way: None,
            written,
            spare: Vec::new(),
        }
    }

    /// How long the file is once everything is flushed, in bytes.
    pub(super) fn length(&self) -> u64 {
        let waiting: usize = self.waiting.iter().map(Vec::len).sum();
        self.written + (self.filling.len() + waiting + self.under_way.unwrap_or(0)) as u64
    }

    /// Appends one record. False: too much is waiting to be written.
    pub(super) fn push(&mut self, arrival: u64, bytes: &[u8]) -> Result<bool, PortError> {
        if bytes.len() > SNAP_LENGTH as usize {
            return Err(PortError::FrameTooLong { path: self.path.clone(), limit: SNAP_LENGTH, found: bytes.len() });
        }
        if !self.filling.is_empty() && self.filling.len() + RECORD_HEADER + bytes.len() > self.buffer {
            self.pump(false)?;
            if self.waiting.len() >= QUEUED {
                return Ok(false);
            }
            self.seal();
            self.pump(false)?;
        }
        let header = record_header(self.created.saturating_add(arrival), bytes.len() as u32);
        self.filling.extend_from_slice(&header);
        self.filling.extend_from_slice(bytes);
        Ok(true)
    }

    /// Returns once everything is in the file, as far as other processes see it.
    pub(super) fn flush(&mut self) -> Result<(), PortError> {
        if !self.filling.is_empty() {
            self.seal();
        }
        self.pump(true)
    }

    fn seal(&mut self) {
        let empty = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(self.buffer));
        self.waiting.push_back(std::mem::replace(&mut self.filling, empty));
    }

    /// Starts what can be started and fetches what is finished; with `wait`, until nothing is left.
    fn pump(&mut self, wait: bool) -> Result<(), PortError> {
        loop {
            if let Some(length) = self.under_way {
                let done = match self.engine.finish(wait) {
                    Ok(Some(done)) => done,
                    Ok(None) => return Ok(()),
                    Err(source) => return Err(self.io("wait for a write to", source)),
                };
                self.under_way = None;
                if let Err(source) = done.result {
                    // The same bytes go to the same place at the next try.
                    self.waiting.push_front(done.buffer);
                    return Err(self.io("write", source));
                }
                self.written += length as u64;
                let mut buffer = done.buffer;
                buffer.clear();
                if self.spare.len() < QUEUED {
                    self.spare.push(buffer);
                }
            }
            let Some(buffer) = self.waiting.pop_front() else { return Ok(()) };
            let length = buffer.len();
            match self.engine.start(Request::write(0, self.written, buffer, 0..length)) {
                Ok(()) => self.under_way = Some(length),
                Err(back) => {
                    self.waiting.push_front(back.into_buffer());
                    return Err(self.io("write", io::ErrorKind::WouldBlock.into()));
                }
            }
        }
    }

    fn io(&self, doing: &'static str, source: io::Error) -> PortError {
        PortError::Io { path: self.path.clone(), offset: self.written, doing, source }
    }
}

impl Drop for CaptureWriter {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::error!(%error, "frames sent but not flushed are lost");
        }
    }
}
