//! What the NAT does to packets in fragments.

use super::*;
use crate::traffic::fragments::{cut, mark};

const FIRST: usize = 48;

/// A packet cut in three: 48 bytes, 48 bytes, and the rest.
fn fragments(source: SocketAddrV4, destination: SocketAddrV4, transport: Transport, id: u16) -> Vec<Vec<u8>> {
    let headers = Headers { vlan: None, source, destination, transport };
    let frame = headers.frame(&[], 200, &Identity::default());
    cut(&frame, headers.offsets(), id, &[FIRST, 48])
}

fn process(nat: &mut Single<Nat>, port: PortId, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for frame in frames {
        out.extend(nat.process(&Frame::new(port, frame.clone(), 0)).iter().map(|out| {
            assert_ne!(out.port(), port);
            out.bytes().to_vec()
        }));
    }
    out
}

/// The same frames with the Ethernet header of others.
fn with_link(mut frames: Vec<Vec<u8>>, others: &[Vec<u8>]) -> Vec<Vec<u8>> {
    for (frame, other) in frames.iter_mut().zip(others) {
        frame[..14].copy_from_slice(&other[..14]);
    }
    frames
}

#[test]
fn fragments_follow_the_first_one_in_both_directions_and_any_order() {
    for transport in [UDP, DATA, Transport::Udp { checked: false }] {
        let mut nat = nat(NatConfig::default());
        let public = open(&mut nat, if transport == DATA { SYN } else { transport });
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for (id, order) in (7..).zip(orders) {
            for (port, from, to, new_from, new_to) in [
                (INSIDE, addr(CLIENT), addr(SERVER), public, addr(SERVER)),
                (OUTSIDE, addr(SERVER), public, addr(SERVER), addr(CLIENT)),
            ] {
                let sent = fragments(from, to, transport, id);
                let expected = with_link(fragments(new_from, new_to, transport, id), &sent);
                let out = process(&mut nat, port, &order.map(|place| sent[place].clone()));
                // the first one first, then those that waited for it
                let mut left = order.to_vec();
                let first = left.iter().position(|place| *place == 0).unwrap();
                left[..=first].rotate_right(1);
                assert_eq!(out, left.iter().map(|place| expected[*place].clone()).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn a_flow_may_begin_with_a_fragment() {
    let mut nat = nat(NatConfig::default());
    let sent = fragments(addr(CLIENT), addr(SERVER), UDP, 1);
    assert_eq!(process(&mut nat, INSIDE, &[sent[2].clone(), sent[0].clone(), sent[1].clone()]).len(), 3);
    let public = open(&mut nat, UDP);
    assert_eq!(process(&mut nat, OUTSIDE, &fragments(addr(SERVER), public, UDP, 1)).len(), 3);
}

#[test]
fn what_waits_survives_a_crash() {
    let mut trace = Vec::new();
    for id in 0..150 {
        let client = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 1000 + id % 20);
        let mut sent = fragments(client, addr(SERVER), UDP, id);
        sent.rotate_left(usize::from(id % 3));
        // one in ten never gets its first
        sent.retain(|frame| id % 10 != 0 || frame[20..22] != [0x20, 0]);
        trace.extend(sent.into_iter().map(|frame| Input::Packet(INSIDE, frame)));
    }
    assert_recoverable(|| Nat::new(NatConfig::default(), INSIDE, OUTSIDE), &trace, 5);
}

#[test]
fn fragments_of_a_packet_that_may_not_pass_do_not_pass_either() {
    let mut nat = nat(NatConfig::default());
    let public = open(&mut nat, UDP);
    for order in [[0, 1, 2], [2, 1, 0]] {
        let strange = fragments(addr("203.0.113.8:80"), public, UDP, 1);
        assert!(process(&mut nat, OUTSIDE, &order.map(|place| strange[place].clone())).is_empty());
        let middle = fragments(addr(CLIENT), addr(SERVER), DATA, 2);
        assert!(process(&mut nat, INSIDE, &order.map(|place| middle[place].clone())).is_empty());
    }
    // the other direction, protocol or identification is another packet
    let sent = fragments(addr(SERVER), public, UDP, 5);
    assert_eq!(process(&mut nat, OUTSIDE, &sent[..2]).len(), 2);
    let mut other = sent[2].clone();
    mark(&mut other, Offsets { network: 14, transport: 34, payload: 42 }, 6, 96, false);
    assert!(process(&mut nat, OUTSIDE, &[other]).is_empty());
    assert!(process(&mut nat, INSIDE, &sent[2..]).is_empty());
    assert_eq!(process(&mut nat, OUTSIDE, &sent[2..]).len(), 1);
}

#[test]
fn a_fragment_that_comes_too_late_is_forgotten() {
    let mut nat = nat(NatConfig { fragment_timeout: 0, ..NatConfig::default() });
    open(&mut nat, UDP);
    let sent = fragments(addr(CLIENT), addr(SERVER), UDP, 1);
    // the last one waits in vain, and the second is one whose first is no longer known
    assert!(process(&mut nat, INSIDE, &sent[2..]).is_empty());
    nat.tick();
    assert_eq!(process(&mut nat, INSIDE, &sent[..1]).len(), 1);
    nat.tick();
    assert!(process(&mut nat, INSIDE, &sent[1..2]).is_empty());
    // it counts as early now: the next packet with this identification takes it along
    assert_eq!(process(&mut nat, INSIDE, &sent[..1]).len(), 2);
}

#[test]
fn nonsense_is_dropped_or_follows_and_never_touches_the_first_ones_header() {
    let at = Offsets { network: 14, transport: 34, payload: 54 };
    let whole = packet(addr(CLIENT), addr(SERVER), DATA);
    let marked = |length: usize, offset: usize, more: bool| {
        let mut frame = whole[..at.transport + length].to_vec();
        mark(&mut frame, at, 9, offset, more);
        frame
    };
    let mut nat = nat(NatConfig::default());
    open(&mut nat, SYN);
    assert_eq!(process(&mut nat, INSIDE, &[marked(40, 0, true)]).len(), 1);
    for (length, offset, more, why) in [
        (16, 0, true, "a header cut off"),
        (8, 0, true, "no more than ports"),
        (0, 0, true, "nothing at all"),
        (0, 64, false, "nothing at the end"),
        (8, 8, true, "over the flags"),
        (16, 16, false, "over the end of the header"),
        (21, 64, true, "no multiple of 8"),
        (48, 65_528, false, "beyond the longest packet"),
    ] {
        assert!(process(&mut nat, INSIDE, &[marked(length, offset, more)]).is_empty(), "{why}");
    }
    // teardrop: in the middle of another one, twice, after the last; a host knows what to do with that
    for (length, offset, more) in [(40, 24, true), (40, 24, true), (24, 40, false), (40, 64, true), (8, 32, false)] {
        assert_eq!(process(&mut nat, INSIDE, &[marked(length, offset, more)]).len(), 1);
    }
}

#[test]
fn a_thousand_early_fragments_of_one_packet_are_too_many() {
    let mut nat = nat(NatConfig::default());
    open(&mut nat, UDP);
    let sent = fragments(addr(CLIENT), addr(SERVER), UDP, 1);
    assert!(process(&mut nat, INSIDE, &vec![sent[1].clone(); 1000]).is_empty());
    assert_eq!(process(&mut nat, INSIDE, &sent[..1]).len(), 61);
    assert_eq!(process(&mut nat, INSIDE, &sent[1..]).len(), 2);
}

#[test]
fn an_icmp_error_about_a_first_fragment_finds_its_flow() {
    let mut nat = nat(NatConfig::default());
    let public = open(&mut nat, UDP);
    let sent = fragments(addr(CLIENT), addr(SERVER), UDP, 1);
    let left = process(&mut nat, INSIDE, &sent);
    let error = unreachable(Ipv4Addr::new(192, 0, 2, 1), *public.ip(), &left[0], 28);
    let told = process(&mut nat, OUTSIDE, &[error]).remove(0);
    assert_eq!(told[42..], sent[0][14..42]);
    let error = unreachable(Ipv4Addr::new(192, 0, 2, 1), *public.ip(), &left[1], 28);
    assert!(process(&mut nat, OUTSIDE, &[error]).is_empty());
}
