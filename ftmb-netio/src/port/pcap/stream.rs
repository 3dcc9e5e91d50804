//! Frames as a capture to anything that takes bytes: a pipe to another tool, most of all.
//!
//! Invariant: what was written is a whole capture after every [`PcapStream::frame`].

use std::io::{self, Write};

use super::format::{file_header, record_header};

/// A capture (classic, nanoseconds, Ethernet) that is written as it comes.
///
/// ```
/// use ftmb_netio::port::pcap::PcapStream;
/// let mut bytes = Vec::new();
/// let mut stream = PcapStream::new(&mut bytes)?;
/// stream.frame(1_500_000_000_000_000_000, b"an ethernet frame")?;
/// assert_eq!(bytes.len(), 24 + 16 + 17);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PcapStream<W> {
    out: W,
}

impl<W: Write> PcapStream<W> {
    /// Writes the header of the capture.
    ///
    /// # Errors
    /// What the output says.
    pub fn new(mut out: W) -> io::Result<PcapStream<W>> {
        out.write_all(&file_header())?;
        Ok(PcapStream { out })
    }

    /// Writes one frame; `timestamp`: Unix time in ns.
    ///
    /// # Errors
    /// What the output says.
    pub fn frame(&mut self, timestamp: u64, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(&record_header(timestamp, bytes.len() as u32))?;
        self.out.write_all(bytes)
    }

    /// Pushes out what the output has buffered.
    ///
    /// # Errors
    /// What the output says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
