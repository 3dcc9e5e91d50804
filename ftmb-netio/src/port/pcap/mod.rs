//! Capture files as a port: one is read, one is written.
//!
//! Invariant: `source` is the number of the frame in its file, counted from 1 as capture tools count, so a position in
//! an error or a log is the frame that such a tool shows under that number. The file written grows by whole records in
//! the order they were sent, so what a killed process leaves is a prefix of what it sent, the last record perhaps torn.
//!
//! What a frame leaves to its interface is not kept: a capture file has no place for it. A checksum is completed before the frame is
//! written, so that the file can be played again; a packet that stands for several is written whole, since a file has no MTU.
//!
//! No `fsync`: what was flushed survives the death of this process, not that of the host.

mod format;
mod input;
mod lock;
mod open;
mod pacer;
mod reader;
mod stream;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;

use ftmb_runtime::packet::PortId;

use super::{PcapSpec, Port, PortError, Received, Sent};
use crate::offload::completed;
use crate::uring::EngineChoice;

pub(super) use format::PCAPNG;
use input::Input;
use lock::Lock;
pub use stream::PcapStream;
use writer::CaptureWriter;

/// What happens to an output file that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputMode {
    /// It is replaced.
    #[default]
    Replace,
    /// It is continued after its last whole record; a torn last record is cut off. For a restarted gateway. The file is
    /// read once from its start for that, at about a gigabyte per second.
    Continue,
}

/// How a [`PcapPort`] is opened.
///
/// ```
/// use ftmb_netio::port::pcap::{OutputMode, PcapOptions};
/// use ftmb_netio::uring::EngineChoice;
///
/// let restarted = PcapOptions { output: OutputMode::Continue, ..PcapOptions::default() };
/// assert_eq!(restarted.engine, EngineChoice::Auto);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PcapOptions {
    /// How the files are read and written.
    pub engine: EngineChoice,
    /// What happens to an output file that exists.
    pub output: OutputMode,
    /// When the group was created, in ns of unix time: a frame sent is recorded with this plus the arrival of its input.
    /// The same at every start of a group, so that a frame sent twice is recorded the same twice.
    pub created: u64,
}

/// A port of capture files. It keeps its frames ([`Port::keeps`]); what is sent without an output file is discarded.
///
/// ```
/// use ftmb_netio::port::pcap::{PcapOptions, PcapPort};
/// use ftmb_netio::port::{PcapSpec, PortError};
/// use ftmb_runtime::packet::PortId;
///
/// let missing = PcapSpec::reading("/nonexistent/in.pcap");
/// let error = PcapPort::open(PortId(0), &missing, &PcapOptions::default()).unwrap_err();
/// assert!(matches!(error, PortError::Io { doing: "open", .. }));
/// ```
#[derive(Debug)]
pub struct PcapPort {
    id: PortId,
    input: Option<Input>,
    output: Option<CaptureWriter>,
    discarding: bool,
    /// Where checksums are completed.
    scratch: Vec<u8>,
    /// Given back only once the files above are no longer used: fields are dropped in this order.
    _locks: [Option<Lock>; 2],
}

impl PcapPort {
    /// Opens the files. The one to read is locked shared, the one to write exclusively, for as long as the port lives.
    ///
    /// # Errors
    /// [`PortError`] if a file cannot be had, is used by somebody else, or is not a capture of whole Ethernet frames.
    pub fn open(id: PortId, spec: &PcapSpec, options: &PcapOptions) -> Result<PcapPort, PortError> {
        let input = spec.input().map(|path| open::input(path, options.engine)).transpose()?;
        let output = spec.output().map(|path| open::output(path, options)).transpose()?;
        let (reader, reading) = input.unzip();
        let (output, writing) = output.unzip();
        let input = reader.map(|reader| Input::new(reader, spec.pace()));
        Ok(PcapPort { id, input, output, discarding: false, scratch: Vec::new(), _locks: [reading, writing] })
    }

    /// How long the output file is, in bytes, once everything sent is flushed; 0 without one.
    pub fn recorded(&self) -> u64 {
        self.output.as_ref().map_or(0, CaptureWriter::length)
    }

    fn input_path(&self) -> Option<&Path> {
        self.input.as_ref().map(Input::path)
    }
}

impl Port for PcapPort {
    fn receive(
        &mut self,
        now_ns: u64,
        limit: usize,
        take: &mut dyn FnMut(Received<'_>) -> bool,
    ) -> Result<usize, PortError> {
        match &mut self.input {
            Some(input) => input.receive(self.id, now_ns, limit, take),
            None => Ok(0),
        }
    }

    fn send(&mut self, frame: &Sent<'_>) -> Result<bool, PortError> {
        match &mut self.output {
            Some(output) => {
                // A checksum outside the frame cannot be completed; the frame itself is all there is to record.
                let bytes = completed(frame.bytes, frame.offload, &mut self.scratch).unwrap_or(frame.bytes);
                output.push(frame.arrival, bytes)
            }
            None => {
                if !std::mem::replace(&mut self.discarding, true) {
                    let input = self.input_path().map(|path| path.display().to_string());
                    tracing::warn!(port = self.id.0, input, "frames are sent to a port without an output file");
                }
                Ok(true)
            }
        }
    }

    fn flush(&mut self) -> Result<(), PortError> {
        self.output.as_mut().map_or(Ok(()), CaptureWriter::flush)
    }

    fn keeps(&self) -> bool {
        true
    }

    fn stamped(&mut self, _source: u64) {}

    fn resume(&mut self, source: u64) -> Result<(), PortError> {
        self.input.as_mut().map_or(Ok(()), |input| input.resume(source))
    }

    fn exhausted(&self) -> bool {
        self.input.as_ref().is_none_or(Input::exhausted)
    }

    fn next_due(&self) -> Option<u64> {
        self.input.as_ref().and_then(Input::next_due)
    }
}
