//! What an engine is: requests that own their buffer go in, completions that give it back come out.
//!
//! Invariant: a request is answered by exactly one completion, and an answer without an error has moved either every
//! byte asked for or, for a read, every byte that the file has there.

use std::fmt::Debug;
use std::io;
use std::ops::Range;

/// The most requests that one engine holds at a time.
pub const DEPTH: usize = 8;

/// The direction in which a [`Request`] moves bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// From the file into the buffer.
    Read,
    /// From the buffer into the file.
    Write,
}

/// Which kind of engine serves a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Requests are queued to the kernel and run beside this thread.
    Uring,
    /// Requests are carried out by `pread` and `pwrite` when they are started.
    Plain,
}

/// Moves bytes between a file and a part of the buffer that it owns.
///
/// ```
/// use ftmb_netio::uring::{Operation, Request};
///
/// let request = Request::write(7, 4096, b"..payload".to_vec(), 2..9);
/// assert_eq!(request.operation(), Operation::Write);
/// assert_eq!(request.len(), 7);
/// ```
#[derive(Debug)]
pub struct Request {
    pub(super) token: u64,
    pub(super) operation: Operation,
    pub(super) offset: u64,
    pub(super) buffer: Vec<u8>,
    range: Range<usize>,
}

impl Request {
    /// Fills `buffer[range]` from the file, starting at `offset` bytes. `token` comes back with the completion.
    ///
    /// # Panics
    /// If `range` does not lie in `buffer`.
    pub fn read(token: u64, offset: u64, buffer: Vec<u8>, range: Range<usize>) -> Request {
        Request::new(token, Operation::Read, offset, buffer, range)
    }

    /// Writes `buffer[range]` to the file, starting at `offset` bytes. `token` comes back with the completion.
    ///
    /// # Panics
    /// If `range` does not lie in `buffer`.
    pub fn write(token: u64, offset: u64, buffer: Vec<u8>, range: Range<usize>) -> Request {
        Request::new(token, Operation::Write, offset, buffer, range)
    }

    fn new(token: u64, operation: Operation, offset: u64, buffer: Vec<u8>, range: Range<usize>) -> Request {
        assert!(
            range.start <= range.end && range.end <= buffer.len(),
            "range {range:?} outside a buffer of {} bytes",
            buffer.len()
        );
        Request { token, operation, offset, buffer, range }
    }

    /// The direction.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// How many bytes are to be moved.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// True if there is nothing to move.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Takes the buffer back from a request that was never started.
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// The part of the buffer that is still to be moved after `done` bytes.
    pub(super) fn rest(&mut self, done: usize) -> &mut [u8] {
        &mut self.buffer[self.range.start + done..self.range.end]
    }

    pub(super) fn complete(self, result: io::Result<usize>) -> Completion {
        Completion { token: self.token, operation: self.operation, buffer: self.buffer, result }
    }
}

/// The answer to a [`Request`].
#[derive(Debug)]
pub struct Completion {
    /// The token of the request.
    pub token: u64,
    /// The direction of the request.
    pub operation: Operation,
    /// The buffer of the request.
    pub buffer: Vec<u8>,
    /// Bytes moved: all that was asked for, or for a read fewer because the file ends there. After an error any part of
    /// the range may have been moved.
    pub result: io::Result<usize>,
}

/// Reads and writes one file by position, with up to [`DEPTH`] requests in flight that finish in any order.
///
/// ```
/// use ftmb_netio::uring::{EngineChoice, Request};
/// use std::io::Write;
///
/// let mut file = tempfile::tempfile()?;
/// file.write_all(b"0123456789")?;
/// let mut engine = EngineChoice::Auto.open(file)?;
/// engine.start(Request::read(1, 4, vec![0; 16], 0..16)).expect("nothing is in flight yet");
/// let done = engine.finish(true)?.expect("one is in flight");
/// assert_eq!(done.token, 1);
/// assert_eq!(&done.buffer[..done.result?], b"456789");
/// assert!(engine.finish(true)?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait FileIo: Send + Debug {
    /// Which kind of engine this is.
    fn kind(&self) -> EngineKind;

    /// Takes over a request.
    ///
    /// # Errors
    /// Gives the request back if [`DEPTH`] requests are in flight.
    fn start(&mut self, request: Request) -> Result<(), Request>;

    /// The next finished request; with `wait`, sleeps until there is one. `None`: none is finished yet, or, with `wait`,
    /// none is in flight.
    ///
    /// # Errors
    /// If the kernel cannot be asked; the requests stay in flight. The failure of one request is in its completion.
    fn finish(&mut self, wait: bool) -> io::Result<Option<Completion>>;

    /// Requests started whose completion has not been handed out.
    fn in_flight(&self) -> usize;
}
