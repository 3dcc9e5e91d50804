//! Packets that are held back until something else is known.
//!
//! Invariant: `bytes` is the length of all packets held, and at most [`MOST_BYTES`]; so one input may emit all of them.

use std::hash::Hash;

use ftmb::{offload::Offload, prelude::*, time::Instant};

use super::aging::Aging;

/// Bytes that are held, at most; a packet may emit as many.
const MOST_BYTES: usize = 1 << 20;
/// Packets that wait for the same, at most; a packet may emit 64.
const MOST_PACKETS: usize = 60;
/// For how many things packets wait, at most.
const MOST_KEYS: usize = 4096;

/// A packet as it came.
#[ftmb::state]
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Vec<u8>,
    pub(crate) offload: Offload,
}

/// Packets by what they wait for.
#[ftmb::state]
#[derive(Debug)]
pub(crate) struct Waiting<K: Eq + Hash> {
    packets: Aging<K, Vec<Held>>,
    bytes: usize,
}

impl<K: Copy + Eq + Hash> Waiting<K> {
    /// Nothing waits.
    pub(crate) fn new() -> Self {
        Self { packets: Aging::new(), bytes: 0 }
    }

    /// Holds a packet; those that have waited longest make room. Returns how many packets are given up for it, itself perhaps.
    pub(crate) fn hold(&mut self, key: K, packet: &Packet<'_>, now: Instant) -> u64 {
        let held = Held { bytes: packet.bytes().to_vec(), offload: packet.offload() };
        let mut given_up = 0;
        while self.bytes + held.bytes.len() > MOST_BYTES
            || (self.packets.len() == MOST_KEYS && self.packets.get(&key).is_none())
        {
            let Some(oldest) = self.packets.take_oldest() else { break };
            given_up += self.count_out(&oldest);
        }
        self.bytes += held.bytes.len();
        match self.packets.get_mut(&key) {
            Some(packets) if packets.len() == MOST_PACKETS => {
                self.bytes -= held.bytes.len();
                given_up += 1;
            }
            Some(packets) => packets.push(held),
            None => self.packets.insert(key, vec![held], now),
        }
        given_up
    }

    /// The packets that waited for this, in the order in which they came.
    pub(crate) fn release(&mut self, key: &K) -> Vec<Held> {
        let packets = self.packets.remove(key).unwrap_or_default();
        self.count_out(&packets);
        packets
    }

    /// Gives up those whose first packet came before `then`; returns how many packets.
    pub(crate) fn expire(&mut self, then: Instant) -> u64 {
        let mut given_up = 0;
        while let Some(packets) = self.packets.take_older(then) {
            given_up += self.count_out(&packets);
        }
        given_up
    }

    fn count_out(&mut self, packets: &[Held]) -> u64 {
        self.bytes -= packets.iter().map(|held| held.bytes.len()).sum::<usize>();
        packets.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{Instant, Packet, PortId, Waiting};

    fn hold(waiting: &mut Waiting<u32>, key: u32, length: usize, now: u64) -> u64 {
        let mut space = vec![0; Packet::space_for(length)];
        let packet = Packet::new(&mut space, &vec![7; length], PortId(0), Instant::default(), 0);
        waiting.hold(key, &packet, Instant::from_nanos(now))
    }

    #[test]
    fn the_longest_wait_ends_when_there_is_no_room() {
        // here, since the benchmarks compile this file too, and drop its tests
        use super::MOST_BYTES;

        let mut waiting = Waiting::new();
        for key in 0..16 {
            assert_eq!(hold(&mut waiting, key, MOST_BYTES / 16, key.into()), 0);
        }
        assert_eq!(hold(&mut waiting, 16, MOST_BYTES / 16 + 1, 16), 2);
        assert_eq!(waiting.bytes, MOST_BYTES * 15 / 16 + 1);
        assert!(waiting.release(&1).is_empty());
        assert_eq!(waiting.release(&2).len(), 1);
        assert_eq!(waiting.expire(Instant::from_nanos(17)), 14);
        assert_eq!((waiting.bytes, waiting.packets.len()), (0, 0));
    }

    #[test]
    fn there_is_an_end_to_packets_and_to_what_they_wait_for() {
        use super::{MOST_KEYS, MOST_PACKETS};

        let mut waiting = Waiting::new();
        let given_up: u64 = (0..MOST_PACKETS as u64 + 5).map(|now| hold(&mut waiting, 0, 10, now)).sum();
        assert_eq!((given_up, waiting.release(&0).len(), waiting.bytes), (5, MOST_PACKETS, 0));
        let given_up: u64 = (0..MOST_KEYS as u32 + 7).map(|key| hold(&mut waiting, key, 10, key.into())).sum();
        assert_eq!((given_up, waiting.packets.len(), waiting.bytes), (7, MOST_KEYS, MOST_KEYS * 10));
    }
}
