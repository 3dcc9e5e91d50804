//! `log dump`: prints what is in a log, a group record, or a part of a journal. Invariant: what can be read is printed before the error that ends it, and
//! nothing is taken for a frame that is not one.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use ftmb_netio::group_record::GroupRecord;
use ftmb_netio::journal;
use ftmb_runtime::determinant::{Kind, Word};
use ftmb_runtime::frame::{self, InHeader, split_in, split_out, split_port};
use ftmb_runtime::log::{FrameRef, Log, LogKind};
use ftmb_runtime::offload::{Checksum, Offload};

use super::{CommandError, after};
use crate::{Error, Result};

const LOG: u64 = u64::from_le_bytes(*b"ftmb-log");
const WORDS: u64 = u64::from_le_bytes(*b"ftmb-wrd");
/// Bytes of a packet that are shown.
const SHOWN: usize = 24;

/// What to print of which file.
#[derive(Clone, Debug, Args)]
pub(super) struct DumpOptions {
    /// A log (in.0, det.0.1, out.0.1, ckpt, port.in, port.out), a group record (group), or a part of a journal (000001.segment, birth)
    file: PathBuf,
    /// Position to begin at: where a frame starts, in bytes; for determinants in words [default: the first retained]
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
    /// Frames, words or batches to print, at most
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
}

pub(super) fn run(options: &DumpOptions) -> Result<()> {
    let mut text = String::new();
    let result = dump(options, &mut text);
    after(&text, result)
}

fn dump(options: &DumpOptions, text: &mut String) -> Result<()> {
    let path = &options.file;
    let mut head = [0; 24];
    let mut file = File::open(path).map_err(failed(path, "open"))?;
    let read = file.read(&mut head).map_err(failed(path, "read"))?;
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[at + i]));
    match word(0) {
        LOG => log(options, (word(8) >> 32) as u32, word(16), text),
        WORDS => group(path, text),
        journal::MAGIC => {
            *text += &journal::describe(path, options.limit).map_err(ftmb_netio::Error::from)?;
            Ok(())
        }
        found if read >= 8 => Err(CommandError::NotALog { path: path.clone(), found }.into()),
        _ => {
            let (expected, found) = (4096, read as u64);
            Err(ftmb_runtime::log::LogError::Truncated { path: path.clone(), expected, found }.into())
        }
    }
}

fn failed(path: &Path, step: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| ftmb_runtime::log::LogError::Io { path: path.into(), step, source }.into()
}

fn log(options: &DumpOptions, kind: u32, fingerprint: u64, text: &mut String) -> Result<()> {
    const KINDS: [LogKind; 5] = [LogKind::In, LogKind::Det, LogKind::Out, LogKind::Ckpt, LogKind::Port];
    let path = &options.file;
    let known = KINDS.into_iter().find(|known| *known as u32 == kind);
    let kind = known.ok_or_else(|| CommandError::LogKind { path: path.clone(), found: kind })?;
    let log = Log::open(path, kind, fingerprint)?;
    let (trimmed, tail) = (log.trimmed(), log.tail());
    let unit = if kind == LogKind::Det { "words" } else { "bytes" };
    let _ = writeln!(
        text,
        "{}: {kind:?} log, fingerprint {fingerprint:#018x}, {} bytes, holds {trimmed}..{tail} ({} {unit})",
        path.display(),
        log.capacity(),
        tail - trimmed,
    );
    let from = options.from.unwrap_or(trimmed);
    if kind == LogKind::Det {
        return words(&log, from, tail, options.limit, text);
    }
    let mut reader = log.reader(from);
    for _ in 0..options.limit {
        let Some(frame) = reader.next()? else { break };
        describe(path, kind, &frame, text)?;
    }
    Ok(())
}

/// Prints determinants; the values of a draw follow its word.
fn words(log: &Log, from: u64, tail: u64, limit: u64, text: &mut String) -> Result<()> {
    let reader = log.word_reader();
    let mut values = 0;
    for position in from..tail.min(from.saturating_add(limit)) {
        let word = reader.get(position)?;
        if values > 0 {
            values -= 1;
            let _ = writeln!(text, "{position}    value {word:#x}");
            continue;
        }
        let word = Word(word);
        if word.kind() == Some(Kind::Draw) {
            values = word.count();
        }
        let _ = writeln!(text, "{position}  {word}");
    }
    Ok(())
}

fn describe(path: &Path, kind: LogKind, frame: &FrameRef<'_>, text: &mut String) -> Result<()> {
    let short = |expected| CommandError::ShortFrame {
        path: path.into(),
        position: frame.position,
        expected,
        found: frame.payload.len(),
    };
    let _ = write!(text, "{}  ", frame.position);
    match kind {
        LogKind::In => {
            let (header, bytes) = split_in(frame.payload).ok_or_else(|| short(frame::IN_HEADER))?;
            let _ = write!(text, "{} {}", name(frame.kind), stamp(header));
            packet(bytes, text);
        }
        LogKind::Out if frame.kind == frame::KIND_PADDING => {
            let _ = writeln!(text, "padding of {} bytes", frame.payload.len());
        }
        LogKind::Out => {
            let (header, bytes) = split_out(frame.payload).ok_or_else(|| short(frame::OUT_HEADER))?;
            let _ = write!(
                text,
                "{} #{} {} needs in {} det {} hash {:#018x}",
                name(frame.kind),
                header.ordinal,
                stamp(&header.input),
                header.need_in,
                header.need_det,
                header.hash,
            );
            packet(bytes, text);
        }
        LogKind::Port => {
            let (header, bytes) = split_port(frame.payload).ok_or_else(|| short(frame::PORT_HEADER))?;
            let _ = write!(text, "{} port {}{}", name(frame.kind), header.port, left(header.offload));
            if header.ordinal.get() != 0 {
                let _ = write!(
                    text,
                    " core {} #{} from source {} arrived at {}",
                    header.core, header.ordinal, header.source, header.arrival
                );
            }
            packet(bytes, text);
        }
        LogKind::Ckpt | LogKind::Det => {
            let _ = write!(text, "kind {} flags {:#x}", frame.kind, frame.flags);
            packet(frame.payload, text);
        }
    }
    Ok(())
}

fn name(kind: u8) -> String {
    match kind {
        frame::KIND_PACKET => "packet".into(),
        frame::KIND_TICK => "tick".into(),
        frame::KIND_CONTROL => "control".into(),
        frame::KIND_CONTROL_ERROR => "control error".into(),
        frame::KIND_PADDING => "padding".into(),
        other => format!("kind {other}"),
    }
}

fn stamp(header: &InHeader) -> String {
    format!(
        "source {} port {} arrived at {} flow {:#010x}{}",
        header.source,
        header.port,
        header.arrival,
        header.flow_hash,
        left(header.offload)
    )
}

/// What is left for an interface to do; nothing if that is nothing.
fn left(offload: [u8; Offload::LEN]) -> String {
    let offload = Offload::from_bytes(offload);
    let mut text = match offload.checksum() {
        Checksum::Complete => String::new(),
        Checksum::Verified => " checksum verified".into(),
        Checksum::Partial { start, offset } => format!(" checksum from {start} at +{offset}"),
    };
    if let Some(cut) = offload.segmentation() {
        let _ = write!(text, " cut {:?} by {}", cut.kind, cut.size);
    }
    text
}

fn packet(bytes: &[u8], text: &mut String) {
    let _ = write!(text, ", {} bytes", bytes.len());
    if !bytes.is_empty() {
        text.push_str(": ");
        bytes.iter().take(SHOWN).for_each(|byte| {
            let _ = write!(text, "{byte:02x}");
        });
        if bytes.len() > SHOWN {
            text.push_str("...");
        }
    }
    text.push('\n');
}

fn group(path: &Path, text: &mut String) -> Result<()> {
    let record = GroupRecord::open_any(path)?;
    let birth = record.birth();
    let _ = writeln!(
        text,
        "{}: group record, fingerprint {:#018x}, {} cores, created {} ns ago, wall clock {} ns, seed {:#x}",
        path.display(),
        record.fingerprint(),
        birth.cores,
        record.now(),
        birth.wall,
        birth.seed,
    );
    let _ = writeln!(
        text,
        "epoch {} active {} committed {:?} requested {} flipped {} variables {} failures {} stop {} ended {}",
        record.epoch(),
        record.active(),
        record.committed(),
        record.requested(),
        record.flipped(),
        record.variables(),
        record.failures(),
        record.stopping(),
        record.ended(),
    );
    if let Some(epoch) = record.current() {
        let _ = writeln!(text, "{epoch:?}");
    }
    let _ = writeln!(text, "parent {:?} gateway {:?}", record.parent(), record.gateway());
    for member in record.members() {
        let _ = writeln!(
            text,
            "member {} {:?} {:?} {:?} staged {:?} applied {:?} progress {} error {:?} {:#x}",
            member.slot(),
            member.identity(),
            member.role(),
            member.phase(),
            member.staged(),
            member.applied(),
            member.progress(),
            member.error(),
            member.error_detail(),
        );
    }
    for core in 0..record.cores() {
        let _ = writeln!(text, "core {core} {:?}", record.released(core));
    }
    for takeover in record.takeovers() {
        let _ = writeln!(text, "{takeover:?}");
    }
    Ok(())
}

#[cfg(test)]
#[path = "dump_tests.rs"]
mod tests;
