//! Opens the files of a port, and finds the place where an output file goes on.
//!
//! Invariant: a file is changed only once it is locked, and only if it is new, to be replaced, or was written by such
//! a port.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;

use super::super::{MAX_FRAME, PortError, Truncated};
use super::format::{FILE_HEADER, Format, SNAP_LENGTH, file_header};
use super::lock::{Lock, Sharing};
use super::reader::{CHUNK, CaptureReader, Peek};
use super::writer::{BUFFER, CaptureWriter};
use super::{OutputMode, PcapOptions};
use crate::uring::{EngineChoice, FileIo};

/// Opens a capture to read.
pub(super) fn input(path: &Path, engine: EngineChoice) -> Result<(CaptureReader, Lock), PortError> {
    regular(path)?;
    let file = File::open(path).map_err(|source| io(path, "open", source))?;
    let lock = Lock::take(path, &file, Sharing::Readers)?;
    let header = header(path, &file)?;
    let format = Format::parse(path, &header)?;
    let length = file.metadata().map_err(|source| io(path, "stat", source))?.len();
    let reader = CaptureReader::new(with(engine, path, file)?, path, format, length, MAX_FRAME as u32, CHUNK);
    Ok((reader, lock))
}

/// Opens a capture to write, and writes its header.
pub(super) fn output(path: &Path, options: &PcapOptions) -> Result<(CaptureWriter, Lock), PortError> {
    regular(path)?;
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false);
    let file = how.open(path).map_err(|source| io(path, "open", source))?;
    let (whole, lock) = match options.output {
        OutputMode::Replace => (0, Lock::take(path, &file, Sharing::Nobody)?),
        OutputMode::Continue => {
            let lock = Lock::take(path, &file, Sharing::NobodyAfterPredecessor)?;
            (whole_records(path, &file, options.engine)?, lock)
        }
    };
    file.set_len(whole).map_err(|source| io(path, "truncate", source))?;
    let mut writer = CaptureWriter::new(with(options.engine, path, file)?, path, whole, options.created, BUFFER);
    writer.flush()?;
    Ok((writer, lock))
}

/// How many bytes of an output file are its header and whole records.
fn whole_records(path: &Path, file: &File, engine: EngineChoice) -> Result<u64, PortError> {
    let found = header(path, file)?;
    let written = file_header();
    if let Some(at) = found.iter().zip(&written).position(|(found, written)| found != written) {
        let (expected, found) = (written[at], found[at]);
        return Err(PortError::ForeignOutput { path: path.to_owned(), offset: at as u64, expected, found });
    }
    if found.len() < FILE_HEADER {
        return Ok(0);
    }
    let length = file.metadata().map_err(|source| io(path, "stat", source))?.len();
    let file = file.try_clone().map_err(|source| io(path, "duplicate", source))?;
    let engine = with(engine, path, file)?;
    let mut reader = CaptureReader::new(engine, path, Format::WRITTEN, length, SNAP_LENGTH, CHUNK);
    loop {
        match reader.peek(true) {
            Ok(Peek::Record(header)) => reader.consume(&header),
            Ok(Peek::Pending | Peek::End) => break,
            Err(PortError::CutShort { part: Truncated::RecordHeader | Truncated::Record, .. }) => {
                let (torn, records) = (length - reader.offset(), reader.consumed());
                tracing::info!(file = %path.display(), records, torn, "torn last record is cut off");
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(reader.offset())
}

/// The first up to 24 bytes.
fn header(path: &Path, file: &File) -> Result<Vec<u8>, PortError> {
    let mut header = vec![0; FILE_HEADER];
    let mut found = 0;
    while found < FILE_HEADER {
        match file.read_at(&mut header[found..], found as u64) {
            Ok(0) => break,
            Ok(read) => found += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(io(path, "read", source)),
        }
    }
    header.truncate(found);
    Ok(header)
}

/// Refuses what cannot be read by position, before an attempt to open it blocks.
fn regular(path: &Path) -> Result<(), PortError> {
    let Ok(kind) = path.metadata().map(|metadata| metadata.file_type()) else { return Ok(()) };
    let found = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(PortError::NotAFile { path: path.to_owned(), found })
}

fn with(engine: EngineChoice, path: &Path, file: File) -> Result<Box<dyn FileIo>, PortError> {
    engine.open(file).map_err(|source| PortError::Engine { path: path.to_owned(), source })
}

fn io(path: &Path, doing: &'static str, source: io::Error) -> PortError {
    PortError::Io { path: path.to_owned(), offset: 0, doing, source }
}
