//! A segment in words, for `log dump`. Invariant: what can be read is described before the flaw that ends it, and what stands behind
//! the last batch of a torn or unfinished segment is not taken for a batch.

use std::fmt::Write;
use std::path::Path;

use super::error::{JournalError, io_error};
use super::facts::{Facts, Origin, Positions};
use super::format::{self, Frames, Kind, Record};

/// The first bytes of a segment, or of the birth of a run.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ftmb-jrn");

/// Describes up to `limit` batches of a segment, or of the birth of a run, a line a record.
///
/// ```
/// let file = tempfile::NamedTempFile::new()?;
/// std::fs::write(file.path(), [0; 4096])?;
/// let text = ftmb_netio::journal::describe(file.path(), u64::MAX)?;
/// assert!(text.ends_with("at byte 0: expected the magic number of a batch, found 0x0\n"), "{text}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`JournalError::Io`].
pub fn describe(path: &Path, limit: u64) -> Result<String, JournalError> {
    let bytes = std::fs::read(path).map_err(io_error(path, "read"))?;
    let (mut text, mut at) = (format!("{}: part of a journal, {} bytes\n", path.display(), bytes.len()), 0);
    for _ in 0..limit {
        if at == bytes.len() {
            break;
        }
        match format::batch(&bytes[at..]) {
            Ok((head, records)) => {
                let _ = writeln!(
                    text,
                    "{at}  batch {} of run {:#018x}, {} bytes, at {} ns",
                    head.sequence, head.run, head.length, head.time
                );
                records.for_each(|record| describe_record(&record, &mut text));
                at = (at + head.padded() as usize).min(bytes.len());
            }
            Err(flaw) => {
                // Writing into a string does not fail.
                let (expected, found) = (flaw.expected, flaw.found);
                let _ = writeln!(text, "at byte {}: expected {expected}, found {found:#x}", at + flaw.at);
                break;
            }
        }
    }
    Ok(text)
}

fn describe_record(record: &Record<'_>, text: &mut String) {
    let (core, from, length) = (record.core, record.from, record.bytes.len() as u64);
    let _ = match record.kind {
        Kind::In => {
            let frames = Frames { bytes: record.bytes }.count();
            writeln!(text, "    in.{core} {from}..{}: {frames} inputs", from + length)
        }
        Kind::Det => writeln!(text, "    det.{core} of epoch {}: words {from}..{}", record.epoch, from + length / 8),
        Kind::Checkpoint => {
            let number = record.bytes.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
            let end = from + length.saturating_sub(8);
            writeln!(text, "    checkpoint {number} of epoch {}: bytes {from}..{end} of {}", record.epoch, record.whole)
        }
        Kind::Facts => match Facts::parse(record.bytes) {
            Some(facts) => {
                let released: Vec<_> = facts.cores.iter().map(|core| core.released.ordinal).collect();
                let ended = if facts.ended { ", the group has ended" } else { "" };
                writeln!(
                    text,
                    "    facts: epoch {} is active, checkpoint {} is committed, outputs {released:?} have left{ended}",
                    facts.epoch, facts.committed
                )
            }
            None => writeln!(text, "    facts that make no sense"),
        },
        Kind::Start => match Positions::parse(record.bytes) {
            Some(start) => writeln!(
                text,
                "    start: in {:?}, det {:?}, checkpoint {:?}",
                start.input, start.det, start.checkpoint
            ),
            None => writeln!(text, "    a start that makes no sense"),
        },
        Kind::Birth => match Origin::parse(record.bytes) {
            Some(origin) => writeln!(
                text,
                "    birth: fingerprint {:#018x}, {:?}, {:?}\n{}",
                origin.fingerprint,
                origin.birth,
                origin.sizes,
                String::from_utf8_lossy(&origin.config)
            ),
            None => writeln!(text, "    a birth that makes no sense"),
        },
    };
}
