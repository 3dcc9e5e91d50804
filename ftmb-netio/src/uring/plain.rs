//! The engine without io_uring: `pread` and `pwrite`, carried out when a request is started.
//!
//! Invariant: a request is finished before `start` returns; only its completion waits to be fetched.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::file::{Completion, DEPTH, EngineKind, FileIo, Operation, Request};

/// A file served by plain system calls.
///
/// ```
/// use ftmb_netio::uring::{EngineKind, FileIo, PlainFile};
///
/// let engine = PlainFile::new(tempfile::tempfile()?);
/// assert_eq!(engine.kind(), EngineKind::Plain);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PlainFile {
    file: File,
    finished: VecDeque<Completion>,
}

impl PlainFile {
    /// Serves `file`, which must be seekable.
    pub fn new(file: File) -> PlainFile {
        PlainFile { file, finished: VecDeque::with_capacity(DEPTH) }
    }

    fn carry_out(&self, request: &mut Request) -> io::Result<usize> {
        let mut done = 0;
        while done < request.len() {
            let position = request.offset + done as u64;
            let moved = match request.operation {
                Operation::Read => self.file.read_at(request.rest(done), position),
                Operation::Write => self.file.write_at(request.rest(done), position),
            };
            match moved {
                Ok(0) if request.operation == Operation::Read => break,
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

impl FileIo for PlainFile {
    fn kind(&self) -> EngineKind {
        EngineKind::Plain
    }

    fn start(&mut self, mut request: Request) -> Result<(), Request> {
        if self.finished.len() >= DEPTH {
            return Err(request);
        }
        let result = self.carry_out(&mut request);
        self.finished.push_back(request.complete(result));
        Ok(())
    }

    fn finish(&mut self, _wait: bool) -> io::Result<Option<Completion>> {
        Ok(self.finished.pop_front())
    }

    fn in_flight(&self) -> usize {
        self.finished.len()
    }
}
