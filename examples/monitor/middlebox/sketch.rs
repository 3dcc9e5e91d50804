//! The heaviest flows in bounded memory: the space-saving sketch (Metwally, Agrawal, El Abbadi 2005).
//!
//! Invariant: the counts of all places sum up to the packets seen, and a flow with more than `packets / PLACES` packets
//! has a place.

use super::flow::FlowKey;

/// Flows that are watched at a time.
const PLACES: usize = 64;

/// Watches the flows that seem heaviest. A flow without a place takes that of the lightest, and its count with it.
#[ftmb::state]
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    keys: Vec<FlowKey>,
    counts: Vec<u64>,
    packets: u64,
}

impl Sketch {
    /// Counts a packet.
    pub(crate) fn add(&mut self, key: FlowKey) {
        self.packets += 1;
        if let Some(place) = self.keys.iter().position(|known| *known == key) {
            self.counts[place] += 1;
        } else if self.keys.len() < PLACES {
            self.keys.push(key);
            self.counts.push(1);
        } else {
            let lightest = (0..PLACES).min_by_key(|&place| self.counts[place]).unwrap_or(0);
            self.keys[lightest] = key;
            self.counts[lightest] += 1;
        }
    }

    /// Packets counted.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// The `n` heaviest flows, heaviest first; flows that seem equally heavy in the order of their keys.
    pub(crate) fn top(&self, n: usize) -> Vec<FlowKey> {
        let mut order: Vec<(u64, FlowKey)> = self.counts.iter().copied().zip(self.keys.iter().copied()).collect();
        order.sort_unstable_by(|(a, x), (b, y)| b.cmp(a).then(x.cmp(y)));
        order.into_iter().take(n).map(|(_, key)| key).collect()
    }
}
