//! How a port that counts its frames hands them in. Invariant: a frame gets its source position once; one that is not taken is the
//! next to be offered, and no other before it.
//!
//! What waits is one frame here; those behind it stay in the kernel's queue, so a sender who waits for acknowledgements is slowed
//! down and loses nothing.

use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;

use super::Received;

type Take<'a> = &'a mut dyn FnMut(Received<'_>) -> bool;

/// The way in of one port.
#[derive(Debug)]
pub(super) struct Inlet {
    port: PortId,
    next: u64,
    /// A frame that was not taken: its position, and what its sender left to do; its bytes are in `bytes`.
    held: Option<(u64, Offload)>,
    bytes: Vec<u8>,
}

impl Inlet {
    pub(super) fn new(port: PortId) -> Inlet {
        Inlet { port, next: 1, held: None, bytes: Vec::new() }
    }

    /// Continues at this source position.
    pub(super) fn resume(&mut self, source: u64) {
        self.next = source;
    }

    /// Offers what was not taken last time: how many were taken now, or `None` if it is still in the way.
    pub(super) fn offer_held(&mut self, take: Take<'_>) -> Option<usize> {
        let Some((source, offload)) = self.held else { return Some(0) };
        if !take(Received { port: self.port, source, offload, bytes: &self.bytes }) {
            return None;
        }
        self.held = None;
        Some(1)
    }

    /// Offers a new frame; false: it is held, no other may follow.
    pub(super) fn offer(&mut self, offload: Offload, bytes: &[u8], take: Take<'_>) -> bool {
        let source = self.next;
        self.next += 1;
        let taken = take(Received { port: self.port, source, offload, bytes });
        if !taken {
            self.bytes.clear();
            self.bytes.extend_from_slice(bytes);
            self.held = Some((source, offload));
        }
        taken
    }
}
