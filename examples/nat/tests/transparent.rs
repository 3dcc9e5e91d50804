//! What the NAT does to Ethernet as a bump in the wire: who finds whom, and how.

use super::*;
use crate::traffic::arp::{self, mac};

/// The address that the NAT answers with if none is configured.
const OWN: [u8; 6] = [0x02, 0x4e, 198, 51, 100, 1];
const PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const ROUTER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 254);

fn ip(text: &str) -> Ipv4Addr {
    *addr(text).ip()
}

/// Sends a frame; what comes out, and where.
fn pass(nat: &mut Single<Nat>, port: PortId, bytes: &[u8]) -> Option<(PortId, Vec<u8>)> {
    let mut out = nat.process(&Frame::new(port, bytes.to_vec(), 0));
    assert!(out.len() <= 1);
    out.pop().map(|out| (out.port(), out.bytes().to_vec()))
}

fn tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0, 5], &frame[12..]].concat()
}

#[test]
fn what_is_not_ipv4_passes_unchanged_in_both_directions() {
    let ipv6 = [&[2; 12], &[0x86, 0xdd][..], &[0x60; 60]].concat();
    let spanning_tree = [&[1, 0x80, 0xc2, 0, 0, 0, 2, 2, 2, 2, 2, 2], &[0, 38][..], &[0x42; 46]].concat();
    let question = arp::request(ip(CLIENT), ip(SERVER), &Identity::default());
    let answer = arp::reply((mac(ip(SERVER)), ip(SERVER)), (mac(ip(CLIENT)), ip(CLIENT)), &Identity::default());
    let mut open = nat(NatConfig::default());
    let mut closed = nat(NatConfig { pass_other: false, ..NatConfig::default() });
    for frame in [ipv6, spanning_tree, question, answer] {
        for frame in [tagged(&frame), frame] {
            let is_arp = frame[12..14] == [8, 6] || frame[16..18] == [8, 6];
            for (from, to) in [(INSIDE, OUTSIDE), (OUTSIDE, INSIDE)] {
                assert_eq!(pass(&mut open, from, &frame), Some((to, frame.clone())));
                assert_eq!(pass(&mut closed, from, &frame), is_arp.then(|| (to, frame.clone())));
            }
        }
    }
}

#[test]
fn the_outside_is_told_who_has_the_public_address_and_the_inside_is_not() {
    let mut nat = nat(NatConfig::default());
    let question = arp::request(ROUTER, PUBLIC, &Identity::default());
    let answer = arp::reply((OWN, PUBLIC), (mac(ROUTER), ROUTER), &Identity::default());
    assert_eq!(pass(&mut nat, OUTSIDE, &question), Some((OUTSIDE, answer.clone())));
    assert_eq!(pass(&mut nat, OUTSIDE, &tagged(&question)), Some((OUTSIDE, tagged(&answer))));
    assert_eq!(pass(&mut nat, INSIDE, &question), Some((OUTSIDE, question.clone())));
    // cut off, or about something else than Ethernet and IPv4
    assert_eq!(pass(&mut nat, OUTSIDE, &question[..41]), None);
    let mut other = question.clone();
    other[15] = 6;
    assert_eq!(pass(&mut nat, OUTSIDE, &other), Some((INSIDE, other)));
}

#[test]
fn the_configured_ethernet_address_is_told() {
    let own = "02:00:00:00:00:09";
    let mut nat = nat(NatConfig { mac: Some(own.parse().unwrap()), ..NatConfig::default() });
    let question = arp::request(ROUTER, PUBLIC, &Identity::default());
    let (_, answer) = pass(&mut nat, OUTSIDE, &question).unwrap();
    assert_eq!(answer[6..12], [2, 0, 0, 0, 0, 9]);
}

#[test]
fn an_answer_sent_to_the_public_address_comes_to_the_host_that_asked_last() {
    let mut nat = nat(NatConfig::default());
    let mut question = packet(addr(CLIENT), addr(SERVER), UDP);
    let (_, out) = pass(&mut nat, INSIDE, &question).unwrap();
    assert_eq!(out[..12], question[..12]);
    let public = SocketAddrV4::new(PUBLIC, 1024);
    let mut reply = packet(addr(SERVER), public, UDP);
    reply[..6].copy_from_slice(&OWN);
    let (_, delivered) = pass(&mut nat, OUTSIDE, &reply).unwrap();
    assert_eq!((&delivered[..6], &delivered[6..12]), (&mac(ip(CLIENT))[..], &reply[6..12]));
    // an ICMP error about the packet finds the host as well
    let mut error = unreachable(ROUTER, PUBLIC, &out, 28);
    error[..6].copy_from_slice(&OWN);
    assert_eq!(pass(&mut nat, OUTSIDE, &error).unwrap().1[..6], mac(ip(CLIENT)));
    // what was sent to the host itself, or a router before it, goes there
    reply[..6].copy_from_slice(&[6; 6]);
    assert_eq!(pass(&mut nat, OUTSIDE, &reply).unwrap().1[..6], [6; 6]);
    // the host has another interface now: it takes a second until that is noted
    question[6..12].copy_from_slice(&[8; 6]);
    std::thread::sleep(Duration::from_millis(1100));
    pass(&mut nat, INSIDE, &question).unwrap();
    reply[..6].copy_from_slice(&OWN);
    assert_eq!(pass(&mut nat, OUTSIDE, &reply).unwrap().1[..6], [8; 6]);
}

#[test]
fn a_nat_that_leaves_the_ethernet_address_to_others_is_noticed() {
    let mut process = processor();
    let careless = |frame: &Frame| {
        let keep = |out: Frame| match (frame.port(), out.port()) {
            (OUTSIDE, INSIDE) => Frame::new(INSIDE, [&frame.bytes()[..6], &out.bytes()[6..]].concat(), frame.number()),
            _ => out,
        };
        process(frame).into_iter().map(keep).collect()
    };
    let outcome = driver::run(&mut NatScenario::default(), 3000, careless, driver::honest);
    assert!(outcome.contradiction.unwrap().contains("another Ethernet address"));
}
