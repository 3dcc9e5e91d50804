//! What happens with each frame of the `ckpt` log. Invariant: taking a frame twice, also after a crash in between,
//! leaves the same files as taking it once.

use std::fs::File;
use std::path::{Path, PathBuf};

use zerocopy::FromBytes;

use super::Staged;
use super::dir::{PartName, StageDir};
use super::files::Files;
use crate::checkpoint::delta::Delta;
use crate::checkpoint::error::{CheckpointError, damaged, io_error};
use crate::checkpoint::head::HEAD;
use crate::checkpoint::stream::{Edge, KIND_BEGIN, KIND_DATA, KIND_END, Span};
use crate::log::FrameRef;

/// A delta being received.
#[derive(Debug)]
struct Part {
    name: PartName,
    path: PathBuf,
    file: File,
}

/// What became of a frame.
#[derive(Debug)]
pub(super) enum Outcome {
    Taken,
    Staged(Box<Staged>),
    /// The frame is of no use, and neither is the delta that it belongs to.
    Refused(CheckpointError),
}

#[derive(Debug)]
pub(super) struct Receiver {
    dir: StageDir,
    files: Box<dyn Files>,
    part: Option<Part>,
    /// After something was refused: frames are passed over up to the next delta.
    skipping: bool,
    /// Where the log was taken up.
    from: u64,
}

impl Receiver {
    /// Takes up the part that a log read from `from` continues; removes others.
    pub(super) fn resume(dir: StageDir, from: u64, files: Box<dyn Files>) -> Result<Receiver, CheckpointError> {
        let mut receiver = Receiver { dir, files, part: None, skipping: false, from };
        for name in receiver.dir.parts()? {
            let path = receiver.dir.path().join(name.to_string());
            let continued = name.span.begin <= from && name.span.end().is_some_and(|end| from <= end);
            if continued && receiver.part.is_none() {
                receiver.open(name)?;
            } else {
                receiver.files.remove(&path).map_err(io_error(&path, "remove"))?;
            }
        }
        Ok(receiver)
    }

    pub(super) fn dir(&self) -> &StageDir {
        &self.dir
    }

    fn open(&mut self, name: PartName) -> Result<(), CheckpointError> {
        let path = self.dir.path().join(name.to_string());
        let file = self.files.open(&path).map_err(io_error(&path, "create"))?;
        self.part = Some(Part { name, path, file });
        Ok(())
    }

    /// Gives up the delta being received and what follows of it.
    pub(super) fn refuse(&mut self) -> Result<(), CheckpointError> {
        self.skipping = true;
        if let Some(part) = &self.part {
            self.files.remove(&part.path).map_err(io_error(&part.path, "remove"))?;
            self.part = None;
        }
        Ok(())
    }

    /// Takes one frame. An error means that it is not taken and may be taken again.
    pub(super) fn take(&mut self, frame: &FrameRef<'_>, log: &Path) -> Result<Outcome, CheckpointError> {
        let refused = |expected, found| Ok(Outcome::Refused(damaged(log, frame.position, expected, found)));
        match frame.kind {
            KIND_BEGIN => match Edge::read_from_bytes(frame.payload) {
                Ok(edge) => self.begin(edge, frame.position, log),
                Err(_) => refused("the payload of a begin frame", frame.payload.len() as u64),
            },
            _ if self.skipping => Ok(Outcome::Taken),
            KIND_DATA => self.data(frame, log),
            KIND_END => match Edge::read_from_bytes(frame.payload) {
                Ok(edge) => self.end(edge, frame.position, log),
                Err(_) => refused("the payload of an end frame", frame.payload.len() as u64),
            },
            kind => refused("a frame of a delta", kind.into()),
        }
    }

    fn begin(&mut self, edge: Edge, position: u64, log: &Path) -> Result<Outcome, CheckpointError> {
        let span = Span { begin: position, length: edge.length.get() };
        let name = PartName { epoch: edge.epoch.get(), number: edge.number.get(), span };
        if self.part.as_ref().is_none_or(|part| part.name != name) {
            self.refuse()?;
            if span.length < HEAD as u64 || span.end().is_none() {
                return Ok(Outcome::Refused(damaged(log, position, "the length of a delta", span.length)));
            }
            self.open(name)?;
        }
        self.skipping = false;
        Ok(Outcome::Taken)
    }

    fn data(&mut self, frame: &FrameRef<'_>, log: &Path) -> Result<Outcome, CheckpointError> {
        let Some(part) = &self.part else {
            return Ok(Outcome::Refused(damaged(log, frame.position, "the beginning of a delta", frame.kind.into())));
        };
        match part.name.span.chunk_at(frame.position) {
            Some((offset, length)) if length == frame.payload.len() => {
                let written = self.files.write_at(&part.file, offset, frame.payload);
                written.map_err(io_error(&part.path, "write"))?;
                Ok(Outcome::Taken)
            }
            _ => {
                let found = frame.payload.len() as u64;
                Ok(Outcome::Refused(damaged(log, frame.position, "the next chunk of the delta", found)))
            }
        }
    }

    fn end(&mut self, edge: Edge, position: u64, log: &Path) -> Result<Outcome, CheckpointError> {
        let (epoch, number) = (edge.epoch.get(), edge.number.get());
        let path = self.dir.file(epoch, number);
        let source = match &self.part {
            Some(part) if part.name.epoch != epoch || part.name.number != number => {
                return Ok(Outcome::Refused(damaged(log, position, "the end of the delta that began", number)));
            }
            Some(part) if part.name.span.end() != Some(position) => {
                let missing = part.name.span.length;
                return Ok(Outcome::Refused(damaged(log, position, "more chunks of the delta", missing)));
            }
            Some(part) => &part.path,
            // The previous keeper renamed it and died before it trimmed the log.
            None if path.exists() => &path,
            // And it was discarded since.
            None if position == self.from => return Ok(Outcome::Taken),
            None => return Ok(Outcome::Refused(damaged(log, position, "the beginning of a delta", number))),
        };
        let mut delta = match Delta::open(source) {
            Ok(delta) => delta,
            Err(error @ CheckpointError::Io { .. }) => return Err(error),
            Err(error) => return Ok(Outcome::Refused(error)),
        };
        if let Some(error) = contradiction(&delta, &edge, source) {
            return Ok(Outcome::Refused(error));
        }
        if let Some(part) = &self.part {
            self.files.rename(&part.path, &path).map_err(io_error(&path, "rename"))?;
            self.part = None;
        }
        delta.head.path.clone_from(&path);
        Ok(Outcome::Staged(Box::new(Staged { epoch, number, path, delta })))
    }
}

/// What in the delta is not what the frame at its end announced.
fn contradiction(delta: &Delta, edge: &Edge, path: &Path) -> Option<CheckpointError> {
    let raw = delta.head().raw();
    [
        (12, "crc", edge.crc.get().into(), raw.crc.get().into()),
        (32, "epoch", edge.epoch.get(), raw.epoch.get()),
        (40, "number", edge.number.get(), raw.number.get()),
    ]
    .into_iter()
    .find(|(_, _, expected, found)| expected != found)
    .map(|(position, what, expected, found)| CheckpointError::Mismatch {
        path: path.into(),
        position,
        what,
        expected,
        found,
    })
}
