//! What no sender of good will sends.

use std::cell::RefCell;

use ftmb::{offload::Offload, testing::Group};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use super::*;
use crate::traffic::repair_network;

/// A packet to begin with: VLAN or not; which; what a stranger makes of an ICMP error.
fn base(vlan: bool, kind: usize) -> (Vec<u8>, Offsets) {
    let transport =
        [SYN, DATA, UDP, Transport::Udp { checked: false }, Transport::Echo { reply: false, seq: 1 }][kind % 5];
    let headers = Headers { vlan: vlan.then_some(5), source: addr(CLIENT), destination: addr(SERVER), transport };
    let frame = headers.frame(&[], 100, &Identity::default());
    match kind / 5 {
        0 => (frame, headers.offsets()),
        2 => {
            let asked =
                crate::traffic::arp::request(*addr(SERVER).ip(), NatConfig::default().public, &Identity::default());
            (asked, headers.offsets())
        }
        _ => {
            let plain = Headers { vlan: None, ..headers }.frame(&[], 100, &Identity::default());
            let error = unreachable(*addr(SERVER).ip(), *addr(CLIENT).ip(), &plain, 60);
            (error, Offsets { network: 14, transport: 34, payload: 42 })
        }
    }
}

/// Whatever it is changed to, also behind a right IPv4 checksum and with any metadata: no panic, and what leaves is as long as it came.
#[test]
fn no_packet_and_no_metadata_makes_it_panic_or_change_its_length() {
    let group = RefCell::new(Group::new(1, || Nat::new(NatConfig::default(), INSIDE, OUTSIDE)).unwrap());
    let changes = vec((0..160_usize, any::<u8>()), 0..6);
    let metadata = (any::<[u8; Offload::LEN]>(), any::<bool>());
    let packets = (any::<bool>(), 0..11_usize, changes, 0..300_usize, any::<bool>(), any::<bool>(), metadata);
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) });
    let outcome = runner.run(&packets, |(vlan, kind, changes, length, repaired, inside, (mut metadata, near))| {
        let (mut frame, at) = base(vlan, kind);
        for (place, byte) in changes {
            let place = place % frame.len();
            frame[place] = byte;
        }
        if repaired {
            repair_network(&mut frame, at);
        }
        frame.truncate(length.max(1));
        if near {
            // a partial checksum where one may be
            metadata = [1, metadata[1] & 7, 0, 0, metadata[4], 0, at.transport as u8, 0, metadata[8] & 31, 0, 0, 0];
        }
        let mut group = group.borrow_mut();
        let before = group.outputs().len();
        let port = if inside { INSIDE } else { OUTSIDE };
        group.send_with(port, &frame, Offload::from_bytes(metadata));
        group.settle().unwrap();
        // more than one: fragments that had come before their first
        if let [output] = &group.outputs()[before..] {
            prop_assert_eq!(output.bytes.len(), frame.len());
        }
        Ok(())
    });
    outcome.unwrap();
}
