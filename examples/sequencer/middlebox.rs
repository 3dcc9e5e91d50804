//! The sequencer: one number, shared by all cores.
//!
//! Invariant: every packet that is forwarded has taken exactly one number, and no other packet has taken any.

use std::sync::Mutex;

use etherparse::{SlicedPacket, TransportSlice};
use ftmb::prelude::*;
use serde::Deserialize;

#[path = "../headers/checksum.rs"]
#[allow(dead_code, reason = "others use all of it")]
mod checksum;

use checksum::Change;

/// Bytes of a stamp, at the beginning of the UDP payload, big-endian.
pub(crate) const STAMP: usize = 8;

/// The `[middlebox]` table of the configuration file: there is nothing to configure.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SequencerConfig {}

/// Stamps every UDP datagram with the next number and passes it on; drops everything else.
#[ftmb::shared]
pub(crate) struct Sequencer {
    #[ftmb(config)]
    left: PortId,
    #[ftmb(config)]
    right: PortId,
    /// The number taken last.
    last: Mutex<u64>,
    stamped: Counter,
    refused: Counter,
}

#[ftmb::middlebox]
impl Sequencer {
    /// A sequencer between two ports; its first stamp is 1.
    pub(crate) fn new(left: PortId, right: PortId) -> Self {
        Self { left, right, last: Mutex::new(0), stamped: Counter::new(), refused: Counter::new() }
    }
}

#[ftmb::middlebox]
impl Middlebox for Sequencer {
    fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        let Some(at) = find_payload(packet.bytes()) else {
            self.refused.add(1);
            return Verdict::Drop;
        };
        // the one access that is recorded: a single word of 64 bits says which core came when
        let stamp = {
            let mut last = self.last.lock().unwrap();
            *last += 1;
            *last
        };
        write_stamp(packet.bytes_mut(), at, stamp);
        self.stamped.add(1);
        Verdict::Forward(if packet.port() == self.left { self.right } else { self.left })
    }

    fn report(&self, metrics: &mut Metrics) {
        metrics.counter("stamped", self.stamped.get());
        metrics.counter("refused", self.refused.get());
    }
}

/// The offset of the UDP payload, if there is room for a stamp.
fn find_payload(frame: &[u8]) -> Option<usize> {
    let sliced = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(TransportSlice::Udp(udp)) = sliced.transport else { return None };
    // the payload is a part of the frame
    let at = udp.payload().as_ptr() as usize - frame.as_ptr() as usize;
    (udp.payload().len() >= STAMP).then_some(at)
}

/// Writes the stamp and keeps the UDP checksum right.
fn write_stamp(frame: &mut [u8], at: usize, stamp: u64) {
    let new = stamp.to_be_bytes();
    let mut change = Change::default();
    for (old, new) in frame[at..at + STAMP].chunks_exact(2).zip(new.chunks_exact(2)) {
        change = change.word(u16::from_be_bytes([old[0], old[1]]), u16::from_be_bytes([new[0], new[1]]));
    }
    frame[at..at + STAMP].copy_from_slice(&new);
    change.apply_udp(frame, at - 2);
}
