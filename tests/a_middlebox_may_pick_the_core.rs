//! `Middlebox::flow_hash` decides where a packet is processed, before and after a crash.

use ftmb::prelude::*;
use ftmb::testing::{Group, Input, assert_recoverable};

const OUT: PortId = PortId(1);

/// Appends its core, and how many packets it has seen on all cores.
#[ftmb::shared]
struct Marker {
    seen: u64,
}

#[ftmb::middlebox]
impl Marker {
    fn new() -> Self {
        Self { seen: 0 }
    }
}

#[ftmb::middlebox]
impl Middlebox for Marker {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        self.seen += 1;
        let seen = self.seen as u8;
        let Ok(room) = packet.append(2) else { return Verdict::Drop };
        room.copy_from_slice(&[cx.core() as u8, seen]);
        Verdict::Forward(OUT)
    }

    /// The first byte says the core, of four; frames from the third port are left to the runtime.
    fn flow_hash(port: PortId, frame: &[u8]) -> Option<u32> {
        if port == PortId(2) { None } else { Some(u32::from(*frame.first()?) << 30) }
    }
}

#[test]
fn each_packet_is_processed_by_the_core_that_its_own_hash_says() {
    let mut group = Group::new(4, Marker::new).unwrap();
    for core in [3, 0, 2, 1, 3] {
        group.send(PortId(0), &[core; 20]);
    }
    // not IP: the runtime's own hash is 0
    group.send(PortId(2), &[3; 20]);
    let mut cores: Vec<(u8, u8)> = Vec::new();
    group.settle().unwrap();
    for output in group.released(OUT) {
        let bytes = &output.bytes;
        cores.push((bytes[0], bytes[20]));
    }
    cores.sort_unstable();
    assert_eq!(cores, [(0, 0), (1, 1), (2, 2), (3, 0), (3, 3), (3, 3)]);
}

#[test]
fn a_crash_moves_no_packet_to_another_core() {
    let trace: Vec<Input> = (0..120).map(|n: u8| Input::Packet(PortId(0), vec![n % 4; 20])).collect();
    assert_recoverable(Marker::new, &trace, 5);
}
