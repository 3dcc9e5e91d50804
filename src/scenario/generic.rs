//! Traffic for a middlebox that has no scenario of its own: flows of UDP between random hosts, in both directions.
//!
//! Invariant: nothing is assumed of the middlebox, so nothing that comes out is a contradiction here and nothing that does not is
//! missing; what is checked is what holds for every middlebox (the outputs of a core are one sequence, each once, none skipped)
//! and is checked by `demo` itself.

use etherparse::PacketBuilder;
use ftmb_runtime::packet::PortId;
use rand::RngExt;

use super::{Contradiction, Frame, Missing, Scenario};

/// Flows at a time.
const FLOWS: usize = 512;
/// Packets of a flow before another takes its place.
const LIFE: u32 = 200;

#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    near: ([u8; 4], u16),
    far: ([u8; 4], u16),
    left: u32,
}

impl Flow {
    fn open(rng: &mut dyn rand::Rng) -> Flow {
        let [a, b, c, d] = rng.random::<[u8; 4]>();
        let [p, q] = [rng.random_range(1024..=u16::MAX), rng.random_range(1..1024)];
        Flow { near: ([10, 0, a, b], p), far: ([198, 18, c, d], q), left: rng.random_range(1..=LIFE) }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Generic {
    ports: Vec<String>,
    flows: Vec<Flow>,
    sent: u64,
}

impl Generic {
    /// Traffic into the ports of these names.
    pub(crate) fn new(ports: Vec<String>) -> Generic {
        Generic { ports, flows: vec![Flow::default(); FLOWS], sent: 0 }
    }
}

impl Scenario for Generic {
    fn ports(&self) -> Vec<String> {
        self.ports.clone()
    }

    fn next(&mut self, rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        let flow = &mut self.flows[rng.random_range(0..FLOWS)];
        if flow.left == 0 {
            *flow = Flow::open(rng);
        }
        flow.left -= 1;
        self.sent += 1;
        // Flows start at the first port; half of the packets come back, through the other ports.
        let back = self.ports.len() > 1 && rng.random();
        let port = if back { rng.random_range(1..self.ports.len()) } else { 0 };
        let (from, to) = if back { (flow.far, flow.near) } else { (flow.near, flow.far) };
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(from.0, to.0, 64);
        let builder = builder.udp(from.1, to.1);
        let payload = &mut [0; 64][..rng.random_range(8..=64)];
        payload[..8].copy_from_slice(&self.sent.to_be_bytes());
        let mut frame = Vec::with_capacity(builder.size(payload.len()));
        // Writing into memory fails only for payloads beyond 64 KiB.
        builder.write(&mut frame, payload).ok()?;
        Some((PortId(port as u16), frame))
    }

    fn observe(&mut self, _: &Frame, _: &Frame) -> Result<(), Contradiction> {
        Ok(())
    }

    fn finish(&mut self) -> Missing {
        Missing::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn flows_go_both_ways_and_are_the_same_for_the_same_seed() {
        let send = |seed| {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let mut generic = Generic::new(vec!["a".into(), "b".into()]);
            (0..1000).map(|_| generic.next(&mut rng).expect("always something")).collect::<Vec<_>>()
        };
        let frames = send(1);
        assert_eq!(frames, send(1));
        assert_ne!(frames, send(2));
        let back = frames.iter().filter(|(port, _)| *port == PortId(1)).count();
        assert!((300..700).contains(&back), "{back}");
        assert!(frames.iter().all(|(_, frame)| etherparse::SlicedPacket::from_ethernet(frame).is_ok()));
    }
}
