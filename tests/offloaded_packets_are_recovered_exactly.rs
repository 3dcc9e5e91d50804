//! What a network stack leaves for the interface to do goes through a middlebox and its recovery with the packet: partial checksums
//! and packets still to be cut, in packets that are forwarded, that grow and shrink at the front, and that are held back.

use std::sync::Mutex;

use ftmb::offload::{Checksum, Offload, SegmentKind, Segmentation};
use ftmb::prelude::*;
use ftmb::testing::{Crash, Group, Input, assert_recoverable};

#[ftmb::state]
struct Held {
    bytes: Vec<u8>,
    offload: Offload,
}

/// Forwards, tags, untags or holds back, as the first byte says.
#[ftmb::shared]
struct Tagger {
    held: Mutex<Vec<Held>>,
}

#[ftmb::middlebox]
impl Tagger {
    fn new() -> Self {
        Self { held: Mutex::new(Vec::new()) }
    }
}

#[ftmb::middlebox]
impl Middlebox for Tagger {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        match packet.bytes()[0] % 4 {
            0 => {}
            1 => packet.prepend(4).unwrap().copy_from_slice(b"tag:"),
            2 => packet.trim_front(4),
            _ => {
                let mut held = self.held.lock().unwrap();
                held.push(Held { bytes: packet.bytes().to_vec(), offload: packet.offload() });
                if held.len() == 3 {
                    for held in held.drain(..) {
                        cx.emit_with(PortId(1), &held.bytes, held.offload).unwrap();
                    }
                }
                return Verdict::Drop;
            }
        }
        Verdict::Forward(PortId(1))
    }
}

fn offload(i: u8) -> Offload {
    let cut =
        Segmentation { kind: SegmentKind::Tcp6, size: 100 + u16::from(i), ecn: i.is_multiple_of(2), header_len: 74 };
    let checksum = Checksum::Partial { start: 54 + u16::from(i), offset: 16 };
    match i % 3 {
        0 => Offload::new(checksum, Some(cut)),
        1 => Offload::new(Checksum::Verified, None),
        _ => Offload::new(checksum, None),
    }
}

#[test]
fn what_is_left_to_do_is_recovered_with_the_packet() {
    let trace: Vec<Input> = (0..150_u8).map(|i| Input::Offloaded(PortId(0), vec![i; 60], offload(i))).collect();
    assert_recoverable(Tagger::new, &trace, 5);
}

#[test]
fn positions_move_with_the_front_of_the_packet() {
    let mut group = Group::new(1, Tagger::new).unwrap();
    for i in [0, 9, 6, 3, 3, 15] {
        group.send_with(PortId(0), &[i; 60], offload(i));
    }
    group.crash(Crash::AtAccess(2));
    group.recover().unwrap();
    group.settle().unwrap();
    let left: Vec<_> = group.released(PortId(1)).map(|output| (output.bytes.len(), output.offload)).collect();
    let plain = [0, 9, 6, 3, 3, 15].map(offload);
    let held = plain[3..].iter().map(|offload| (60, *offload));
    let expected = [(60, plain[0]), (64, plain[1].moved(4)), (56, plain[2].moved(-4))];
    assert_eq!(left, expected.into_iter().chain(held).collect::<Vec<_>>());
    assert_eq!(plain[1].moved(4).checksum(), Checksum::Partial { start: 54 + 9 + 4, offset: 16 });
}
