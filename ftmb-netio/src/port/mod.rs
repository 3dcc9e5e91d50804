//! Where packets enter and leave a group.
//!
//! Invariant: a port hands out frames in the order of their `source` positions, each position names the same frame
//! whenever the port is opened, and a frame that was not taken is offered again if the port keeps its frames. So a
//! gateway that remembers the last position it stamped continues without loss and without stamping twice.
//!
//! ```text
//!            receive -> source 1, 2, 3, ...           send -> core 0: ordinal 1, 2, ...   core 1: ordinal 1, ...
//! outside ─────────────────────────────────▶ gateway ─────────────────────────────────────────────────────▶ outside
//!            stamped(n): below n may be forgotten     flush: what was sent outlives this process
//! ```

mod complaint;
pub mod device;
mod error;
mod frame;
mod inlet;
pub mod memory;
pub mod pcap;
mod spec;
mod statistics;
mod tally;
pub mod tap;
pub mod udp;
mod wire;

use std::fmt::Debug;
use std::os::fd::BorrowedFd;

use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;

pub use error::{PortError, Truncated};
pub use spec::{DeviceSpec, KINDS, Pace, PcapSpec, PortKind, PortSpec, SpecError, TapSpec, UdpSpec};
pub use statistics::{PortStat, PortStatistics};

/// The longest frame that a port hands in, in bytes: a segmentation-offload frame of 64 KiB with its headers and tags.
pub const MAX_FRAME: usize = ftmb_runtime::frame::MAX_PACKET;

/// One frame that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<'a> {
    /// The port it came in by.
    pub port: PortId,
    /// Its position in the port's own numbering; never 0, increasing.
    pub source: u64,
    /// What its sender left for the interface to do.
    pub offload: Offload,
    /// The frame, from its Ethernet header on.
    pub bytes: &'a [u8],
}

/// One frame that leaves, who produced it, and what input it stems from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent<'a> {
    /// The port it leaves by.
    pub port: PortId,
    /// The core that produced it.
    pub core: u32,
    /// Its number among the outputs of that core.
    pub ordinal: u64,
    /// The position of the input it stems from, in the numbering of the port where that came in.
    pub source: u64,
    /// The arrival of that input, in ns since the group was created.
    pub arrival: u64,
    /// What is left for the interface to do.
    pub offload: Offload,
    /// The frame, from its Ethernet header on.
    pub bytes: &'a [u8],
}

/// A place where frames enter and leave.
///
/// One thread uses a port at a time. No method but [`Port::flush`] and [`Port::resume`] waits for the outside.
///
/// ```
/// use ftmb_netio::port::pcap::{PcapOptions, PcapPort};
/// use ftmb_netio::port::{PcapSpec, Port, Sent};
/// use ftmb_runtime::offload::Offload;
/// use ftmb_runtime::packet::PortId;
///
/// let directory = tempfile::tempdir()?;
/// let file = directory.path().join("frames.pcap");
/// let options = PcapOptions::default();
///
/// let mut port = PcapPort::open(PortId(0), &PcapSpec::writing(&file), &options)?;
/// let offload = Offload::default();
/// let frame = Sent { port: PortId(0), core: 0, ordinal: 1, source: 1, arrival: 5, offload, bytes: b"frame" };
/// assert!(port.send(&frame)?);
/// port.flush()?; // from here on the frame outlives this process
/// drop(port);
///
/// let mut port = PcapPort::open(PortId(0), &PcapSpec::reading(&file), &options)?;
/// let mut seen = Vec::new();
/// while !port.exhausted() {
///     port.receive(0, 32, &mut |frame| {
///         seen.push((frame.source, frame.bytes.to_vec()));
///         true
///     })?;
/// }
/// assert_eq!(seen, [(1, b"frame".to_vec())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Port: Send + Debug {
    /// Hands up to `limit` frames to `take`, in order, and returns how many were taken. `take` returns false when it
    /// cannot take this frame now: the call ends, and the frame is offered again at the next one if the port holds it
    /// ([`Port::holds`]). `now_ns` is the time, in ns of a clock that never goes back, for ports that pace.
    ///
    /// Returns without waiting, also with 0 while frames are still on their way.
    ///
    /// # Errors
    /// [`PortError`] if no frame was taken and the next one cannot be had; the same error comes again at the next call
    /// unless its cause has gone.
    fn receive(
        &mut self,
        now_ns: u64,
        limit: usize,
        take: &mut dyn FnMut(Received<'_>) -> bool,
    ) -> Result<usize, PortError>;

    /// Sends one frame. False: no room just now, offer it again. The frame may be buffered until [`Port::flush`].
    ///
    /// # Errors
    /// [`PortError`] if the outside refuses this frame, or what was sent before it.
    fn send(&mut self, frame: &Sent<'_>) -> Result<bool, PortError>;

    /// An output left elsewhere: `frame` answers a control request. For ports whose peer counts the outputs of a core; false:
    /// no room just now, tell it again.
    ///
    /// # Errors
    /// As [`Port::send`].
    fn answered(&mut self, frame: &Sent<'_>) -> Result<bool, PortError> {
        let _ = frame;
        Ok(true)
    }

    /// Pushes what is buffered to the outside, and waits until the death of this process cannot take it back. After
    /// this, and before the next frame is sent, is the moment to record what was sent as released.
    ///
    /// # Errors
    /// [`PortError`] if the outside refuses; what is buffered stays so, and the next call tries again.
    fn flush(&mut self) -> Result<(), PortError>;

    /// True if frames are still there after the death of this process (files, memory), false if the network loses them.
    fn keeps(&self) -> bool;

    /// True if a frame that is not taken is offered again at the next call, and those behind it wait for it; false if it is
    /// dropped. Unless a port says otherwise, it holds what it keeps.
    fn holds(&self) -> bool {
        self.keeps()
    }

    /// Everything of this port below `source` (exclusive) has been stamped: it will not be asked for again.
    fn stamped(&mut self, source: u64) {
        let _ = source;
    }

    /// Continues after a restart: the next frame handed out is the first whose position is at least `source`.
    ///
    /// # Errors
    /// [`PortError`] if this port cannot go back, or no longer has what was stamped.
    fn resume(&mut self, source: u64) -> Result<(), PortError>;

    /// True if no frame will ever come again: the end of a capture file, or a port that only sends.
    fn exhausted(&self) -> bool {
        false
    }

    /// When the next frame is due, in ns of the clock of `receive`'s `now_ns`, so that one may sleep until then; in the
    /// past if it is due now. `None`: unknown, ask again.
    fn next_due(&self) -> Option<u64> {
        None
    }

    /// A descriptor that becomes readable when a frame comes, so that one may sleep until then. `None`: there is none, ask again
    /// shortly; or whoever brings frames rings the gateway's bell.
    fn wakes_by(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What it has counted since it was opened. May ask the outside; not for every frame.
    fn statistics(&mut self) -> PortStatistics {
        PortStatistics::default()
    }
}
