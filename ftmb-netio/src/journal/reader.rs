//! Reading a run's batches in order. Invariant: what is returned is an uninterrupted row; it ends where the journal was torn, and
//! only there: whatever is missing or damaged before something that was written later is an error.
//!
//! A batch is written only when the one before is on the disk. So only the last one can be torn, and a whole batch behind a broken
//! one means damage. A writer that continues a run begins a segment of its own, numbered on from the last batch it found: what an
//! earlier writer had under way then is superseded, since the same positions follow again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::{JournalError, damaged, io_error};
use super::format::{self, BLOCK, Flaw, HEAD, Head, Records};
use super::run::Run;

/// Where a batch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) offset: u64,
}

/// Reads batches.
#[derive(Debug)]
pub(super) struct Reader {
    run: u64,
    segments: Vec<(u64, PathBuf)>,
    next: usize,
    open: Option<Open>,
    /// The sequence of the next batch; none before the first one.
    expected: Option<u64>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    place: Place,
    /// The next segment that has a batch begins with this sequence.
    limit: Option<u64>,
}

impl Reader {
    /// Reads a run's segments `from..until`.
    pub(super) fn new(run: &Run, from: u64, until: Option<u64>) -> Result<Reader, JournalError> {
        let mut segments = run.segments()?;
        segments.retain(|segment| segment.0 >= from && until.is_none_or(|until| segment.0 < until));
        Ok(Reader { run: run.id, segments, next: 0, open: None, expected: None, buffer: Vec::new() })
    }

    /// The sequence that the next batch would have; `None` before the first one.
    pub(super) fn sequence(&self) -> Option<u64> {
        self.expected
    }

    /// The next batch; `None` at the end of what was written.
    pub(super) fn next(&mut self) -> Result<Option<(Place, Head, Records<'_>)>, JournalError> {
        loop {
            if self.open.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let Some(open) = &mut self.open else { return Ok(None) };
            if open.limit.is_some() && open.limit == self.expected {
                self.open = None;
                continue;
            }
            match read(&open.file, &open.place, open.length, self.run, self.expected, &mut self.buffer)? {
                Ok(head) => {
                    let place = open.place.clone();
                    open.place.offset += head.padded();
                    self.expected = Some(head.sequence + 1);
                    let (head, records) =
                        format::batch(&self.buffer).map_err(|flaw| damaged(&place.path, place.offset, flaw))?;
                    return Ok(Some((place, head, records)));
                }
                Err(flaw) => {
                    let (place, expected) = (open.place.clone(), self.expected.unwrap_or(0));
                    // Where nothing was ever written, something is missing rather than damaged: the next segment says so.
                    let written = flaw.at != 0 || flaw.found != 0;
                    let continued = open.limit == Some(expected);
                    let missing = open.limit.is_some() && !continued;
                    let follows = || follows(&open.file, &place, open.length, self.run, expected);
                    if written && missing || !continued && follows()? {
                        return Err(damaged(&place.path, place.offset, flaw));
                    }
                    self.open = None;
                }
            }
        }
    }

    /// Opens the next segment that has a batch.
    fn open_next(&mut self) -> Result<bool, JournalError> {
        while let Some((_, path)) = self.segments.get(self.next) {
            self.next += 1;
            let Some(first) = self.first_of(path)? else { continue };
            if let Some(expected) = self.expected.filter(|&expected| expected != first) {
                let (what, path) = ("the sequence of a segment's first batch", path.clone());
                return Err(JournalError::Gap { path, offset: 0, what, expected, found: first });
            }
            self.expected = Some(first);
            let mut limit = None;
            for (_, later) in &self.segments[self.next..] {
                limit = self::first(later, self.run)?;
                if limit.is_some() {
                    break;
                }
            }
            let file = File::open(path).map_err(io_error(path, "open"))?;
            let length = file.metadata().map_err(io_error(path, "stat"))?.len();
            self.open = Some(Open { file, length, place: Place { path: path.clone(), offset: 0 }, limit });
            return Ok(true);
        }
        Ok(false)
    }

    /// The sequence of a segment's first batch; `None` if that is torn or was never written, and so nothing follows it.
    fn first_of(&self, path: &Path) -> Result<Option<u64>, JournalError> {
        let file = File::open(path).map_err(io_error(path, "open"))?;
        let length = file.metadata().map_err(io_error(path, "stat"))?.len();
        let place = Place { path: path.into(), offset: 0 };
        let mut buffer = Vec::new();
        let mut first = || read(&file, &place, length, self.run, None, &mut buffer);
        if let Ok(head) = first()? {
            return Ok(Some(head.sequence));
        }
        if !follows(&file, &place, length, self.run, self.expected.unwrap_or(0))? {
            return Ok(None);
        }
        // If it is being written just now, it was complete before what follows it.
        first()?.map(|head| Some(head.sequence)).map_err(|flaw| damaged(path, 0, flaw))
    }
}

/// The sequence of a segment's first batch; `None` if that is torn or was never written.
pub(super) fn first(path: &Path, run: u64) -> Result<Option<u64>, JournalError> {
    first_into(path, run, &mut Vec::new())
}

/// The same, and its bytes.
pub(super) fn first_into(path: &Path, run: u64, buffer: &mut Vec<u8>) -> Result<Option<u64>, JournalError> {
    let file = File::open(path).map_err(io_error(path, "open"))?;
    let length = file.metadata().map_err(io_error(path, "stat"))?.len();
    let place = Place { path: path.into(), offset: 0 };
    Ok(read(&file, &place, length, run, None, buffer)?.ok().map(|head| head.sequence))
}

/// Reads the batch at a place into `buffer`.
fn read(
    file: &File,
    place: &Place,
    length: u64,
    run: u64,
    expected: Option<u64>,
    buffer: &mut Vec<u8>,
) -> Result<Result<Head, Flaw>, JournalError> {
    let left = length.saturating_sub(place.offset);
    buffer.clear();
    if left < HEAD as u64 {
        return Ok(Err(Flaw { at: 0, expected: "a batch", found: left }));
    }
    buffer.resize(left.min(BLOCK as u64) as usize, 0);
    file.read_exact_at(buffer, place.offset).map_err(io_error(&place.path, "read"))?;
    let head = match format::head(buffer) {
        Ok(head) => head,
        Err(flaw) => return Ok(Err(flaw)),
    };
    if head.run != run {
        return Ok(Err(Flaw { at: 16, expected: "the id of this run", found: head.run }));
    }
    if expected.is_some_and(|expected| expected != head.sequence) {
        return Ok(Err(Flaw { at: 24, expected: "the next sequence", found: head.sequence }));
    }
    if head.length as u64 > left {
        return Ok(Err(Flaw { at: 32, expected: "a batch that ends in its segment", found: head.length as u64 }));
    }
    let here = buffer.len().min(head.length);
    buffer.resize(head.length, 0);
    let rest = &mut buffer[here..];
    file.read_exact_at(rest, place.offset + here as u64).map_err(io_error(&place.path, "read"))?;
    Ok(format::batch(buffer).map(|(head, _)| head))
}

/// Whether a whole batch of a later sequence lies behind a place.
fn follows(file: &File, place: &Place, length: u64, run: u64, expected: u64) -> Result<bool, JournalError> {
    let mut buffer = Vec::new();
    let mut at = place.clone();
    at.offset += BLOCK as u64;
    while at.offset < length {
        if let Ok(head) = read(file, &at, length, run, None, &mut buffer)?
            && head.sequence > expected
        {
            return Ok(true);
        }
        at.offset += BLOCK as u64;
    }
    Ok(false)
}
