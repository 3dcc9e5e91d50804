//! What packet code is given besides the packet: time, randomness, its core, and a way to emit further packets.
//!
//! Invariant: emitted packets follow the packet they stem from, in order; beyond the limits `emit` refuses, deterministically.

use std::fmt;

use crate::offload::Offload;
use crate::packet::PortId;
use crate::recorder::Core;
use crate::rng::CoreRng;
use crate::time::Instant;

/// What one packet may emit, at most: the room that its core keeps free in its `out` log.
pub const EMIT_FRAMES: usize = 64;
/// Bytes that one packet may emit, at most.
pub const EMIT_BYTES: usize = 1 << 20;

/// A packet could not be emitted. Depends on the input only, so replay refuses the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// Larger than any frame.
    #[error("a packet of {found} bytes; expected at most {expected}")]
    TooLarge {
        /// Largest packet.
        expected: usize,
        /// Its size.
        found: usize,
    },
    /// This input has emitted as much as one input may.
    #[error("this input has emitted {frames} packets and {bytes} bytes; no room for more")]
    Exhausted {
        /// Packets so far.
        frames: usize,
        /// Bytes so far.
        bytes: usize,
    },
}

/// Packets emitted by the running input, kept until it ends.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
    pub(crate) bytes: Vec<u8>,
    /// Port, offload metadata and length of each.
    pub(crate) frames: Vec<(PortId, Offload, usize)>,
    pub(crate) most_frames: usize,
    pub(crate) most_bytes: usize,
}

impl Emitted {
    pub(crate) fn start(&mut self, most_frames: usize, most_bytes: usize) {
        self.bytes.clear();
        self.frames.clear();
        self.most_frames = most_frames;
        self.most_bytes = most_bytes;
    }
}

/// What packet, tick and control code may ask and do.
pub struct Context<'a> {
    core: &'a Core,
    emitted: &'a mut Emitted,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("core", &self.core.index).finish_non_exhaustive()
    }
}

impl<'a> Context<'a> {
    pub(crate) fn new(core: &'a Core, emitted: &'a mut Emitted) -> Context<'a> {
        Context { core, emitted }
    }

    /// Arrival of the input.
    #[inline]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.core.now.get().arrival)
    }

    /// The core's random generator: any distribution of `rand` works with it. Its state is part of every checkpoint.
    #[inline]
    pub fn rng(&mut self) -> CoreRng {
        crate::rng::current()
    }

    /// The core that runs this, from 0.
    #[inline]
    pub fn core(&self) -> usize {
        self.core.index
    }

    /// How many cores there are.
    #[inline]
    pub fn cores(&self) -> usize {
        self.core.cores
    }

    /// Sends a further packet, after the one that is being processed. It is complete as it is: its checksums are right.
    ///
    /// # Errors
    /// [`EmitError::TooLarge`]; [`EmitError::Exhausted`] beyond [`EMIT_FRAMES`] or [`EMIT_BYTES`] (a tick or control input: half
    /// an `out` log).
    pub fn emit(&mut self, port: PortId, bytes: &[u8]) -> Result<(), EmitError> {
        self.emit_with(port, bytes, Offload::default())
    }

    /// Sends a further packet that leaves something to its interface: one that was held back, say, and came with a partial
    /// checksum or is still to be cut. Its [`Packet::offload`](crate::packet::Packet::offload) is kept along with its bytes.
    ///
    /// ```
    /// use ftmb_runtime::offload::Offload;
    /// use ftmb_runtime::{context::Context, packet::{Packet, PortId, Verdict}};
    /// /// Lets the first packet wait for the second.
    /// fn process(held: &mut Option<(Vec<u8>, Offload)>, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
    ///     let Some((bytes, offload)) = held.take() else {
    ///         *held = Some((packet.bytes().to_vec(), packet.offload()));
    ///         return Verdict::Drop;
    ///     };
    ///     let _ = cx.emit_with(PortId(1), &bytes, offload);
    ///     Verdict::Forward(PortId(1))
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_with(&mut self, port: PortId, bytes: &[u8], offload: Offload) -> Result<(), EmitError> {
        if bytes.len() > crate::frame::MAX_PACKET {
            return Err(EmitError::TooLarge { expected: crate::frame::MAX_PACKET, found: bytes.len() });
        }
        let (frames, used) = (self.emitted.frames.len(), self.emitted.bytes.len());
        if frames >= self.emitted.most_frames || used + bytes.len() > self.emitted.most_bytes {
            return Err(EmitError::Exhausted { frames, bytes: used });
        }
        self.emitted.bytes.extend_from_slice(bytes);
        self.emitted.frames.push((port, offload, bytes.len()));
        Ok(())
    }

    /// Whether this core reproduces inputs after a takeover. For tests and logs: what a packet does must not depend on it.
    pub fn is_replaying(&self) -> bool {
        self.core.is_within_cut()
    }
}
