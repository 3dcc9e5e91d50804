//! The heaviest flows, without looking at all flows.
//!
//! Invariant: a flow that has at least [`STEP`] packets more than the lightest in the list is in the list.

use super::flow::FlowKey;

/// Flows in the list.
const PLACES: usize = 64;

/// Above so many packets, every so many packets of a flow count. It keeps the list off the common path.
const STEP: u64 = 64;

/// A list of the flows with the most packets.
#[ftmb::state]
#[derive(Clone, Debug, Default)]
pub(crate) struct Heavy {
    flows: Vec<(FlowKey, u64)>,
    packets: u64,
}

impl Heavy {
    /// Takes note of a flow's new packet, its `nth`.
    pub(crate) fn note(&mut self, key: FlowKey, nth: u64) {
        self.packets += 1;
        let counts = if nth < STEP { nth.is_power_of_two() } else { nth.is_multiple_of(STEP) };
        if counts {
            self.enter(key, nth);
        }
    }

    /// Takes note of a packet whose flow is not counted.
    pub(crate) fn note_untracked(&mut self) {
        self.packets += 1;
    }

    /// Packets noted.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// The flows of the list.
    pub(crate) fn keys(&self) -> impl Iterator<Item = FlowKey> {
        self.flows.iter().map(|(key, _)| *key)
    }

    fn enter(&mut self, key: FlowKey, packets: u64) {
        // sorted, heaviest first: the last one is the one to beat
        if self.flows.len() == PLACES && self.flows[PLACES - 1].1 >= packets {
            return;
        }
        if let Some(place) = self.flows.iter().position(|(known, _)| *known == key) {
            self.flows.remove(place);
        }
        self.flows.truncate(PLACES - 1);
        let place = self.flows.partition_point(|(_, known)| *known >= packets);
        self.flows.insert(place, (key, packets));
    }
}
