//! What was sent and may still come out. Invariant: per core, frames are kept in the order of sending until a later one of the same
//! core has come out: outputs of a core leave in the order of its inputs, so nothing can come of them any more.

use std::collections::VecDeque;

use ftmb_netio::flow::FlowHash;

use crate::scenario::Frame;

/// Frames kept per core, at most: a middlebox may let nothing out for long.
const MOST: usize = 1 << 20;

/// A frame that was sent.
#[derive(Debug)]
pub(super) struct Sent {
    /// Its position in the port's own numbering.
    pub(super) source: u64,
    /// When, ns.
    pub(super) at: u64,
    /// The frame.
    pub(super) frame: Frame,
}

/// What is known of an input.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// It was sent.
    Sent(&'a Sent),
    /// It was sent too long ago.
    Forgotten,
    /// No frame of this core has this position, or one sent after it has come out already.
    Unknown,
}

/// Frames under way.
#[derive(Debug)]
pub(super) struct Flight {
    hash: FlowHash,
    cores: Vec<Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    sent: VecDeque<Sent>,
    forgotten: u64,
}

impl Flight {
    /// Nothing is under way. `hash`: by which flows are spread over cores.
    pub(super) fn new(hash: FlowHash, cores: usize) -> Flight {
        Flight { hash, cores: (0..cores).map(|_| Lane::default()).collect() }
    }

    /// A frame was sent.
    pub(super) fn sent(&mut self, sent: Sent) {
        let core = FlowHash::core(self.hash.pick(sent.frame.port(), sent.frame.bytes()), self.cores.len());
        let lane = &mut self.cores[core];
        if lane.sent.len() == MOST
            && let Some(old) = lane.sent.pop_front()
        {
            lane.forgotten = old.source;
        }
        lane.sent.push_back(sent);
    }

    /// The input that an output of `core` stems from.
    pub(super) fn find(&mut self, core: usize, source: u64) -> Found<'_> {
        let Some(lane) = self.cores.get_mut(core) else { return Found::Unknown };
        while lane.sent.front().is_some_and(|sent| sent.source < source) {
            lane.sent.pop_front();
        }
        // It stays: one input may have several outputs.
        match lane.sent.front() {
            Some(sent) if sent.source == source => Found::Sent(sent),
            _ if source <= lane.forgotten => Found::Forgotten,
            _ => Found::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftmb_runtime::packet::PortId;

    fn sent(source: u64) -> Sent {
        Sent { source, at: 10 * source, frame: Frame::new(PortId(0), b"not a frame".to_vec(), source) }
    }

    #[test]
    fn an_input_is_found_for_each_of_its_outputs_and_gone_after_a_later_one() {
        let mut flight = Flight::new(FlowHash::new(1), 1);
        [1, 5, 9].into_iter().for_each(|source| flight.sent(sent(source)));
        assert!(matches!(flight.find(0, 5), Found::Sent(sent) if sent.at == 50));
        assert!(matches!(flight.find(0, 5), Found::Sent(_)));
        assert!(matches!(flight.find(0, 1), Found::Unknown));
        assert!(matches!(flight.find(0, 9), Found::Sent(_)));
        assert!(matches!(flight.find(0, 10), Found::Unknown));
        assert!(matches!(flight.find(7, 9), Found::Unknown));
    }
}
