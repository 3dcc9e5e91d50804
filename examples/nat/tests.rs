//! What the NAT does to single packets, and that the scenario notices what it must.

mod fragments;
mod strange;
mod transparent;

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use etherparse::{Icmpv4Slice, Ipv4HeaderSlice, PacketBuilder};
use ftmb::{
    prelude::*,
    testing::{Input, assert_recoverable},
};

use crate::{
    NatScenario,
    middlebox::{Nat, NatConfig, PortAllocation},
    traffic::{
        Headers, Identity, Offsets, Transport,
        driver::{self, Single},
        is_sound, offloads,
    },
};

const INSIDE: PortId = PortId(0);
const OUTSIDE: PortId = PortId(1);

fn nat(config: NatConfig) -> Single<Nat> {
    Single::new(move || Nat::new(config.clone(), INSIDE, OUTSIDE))
}

fn processor() -> impl FnMut(&Frame) -> Vec<Frame> {
    let mut group = nat(NatConfig::default());
    move |frame| group.process(frame)
}

fn addr(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

const SYN: Transport = Transport::Tcp { seq: 1, ack: None, syn: true, fin: false, rst: false };
const SYN_ACK: Transport = Transport::Tcp { seq: 1, ack: Some(2), syn: true, fin: false, rst: false };
const DATA: Transport = Transport::Tcp { seq: 2, ack: Some(2), syn: false, fin: false, rst: false };
const FIN: Transport = Transport::Tcp { seq: 2, ack: Some(2), syn: false, fin: true, rst: false };
const RST: Transport = Transport::Tcp { seq: 2, ack: Some(2), syn: false, fin: false, rst: true };
const UDP: Transport = Transport::Udp { checked: true };

fn packet(source: SocketAddrV4, destination: SocketAddrV4, transport: Transport) -> Vec<u8> {
    Headers { vlan: None, source, destination, transport }.frame(&[], 64, &Identity::default())
}

const CLIENT: &str = "10.0.0.7:5000";
const SERVER: &str = "203.0.113.9:80";

/// Opens a flow and returns its public endpoint.
fn open(nat: &mut Single<Nat>, transport: Transport) -> SocketAddrV4 {
    let (public, server) = nat.send(INSIDE, packet(addr(CLIENT), addr(SERVER), transport)).unwrap();
    assert_eq!(server, addr(SERVER));
    public
}

#[test]
fn a_crash_loses_repeats_and_contradicts_nothing() {
    driver::assert_survives::<_, NatScenario>(|| Nat::new(NatConfig::default(), INSIDE, OUTSIDE));
}

#[test]
fn a_crash_with_random_ports_loses_repeats_and_contradicts_nothing() {
    let config = NatConfig { port_allocation: PortAllocation::Random, ..NatConfig::default() };
    driver::assert_survives::<_, NatScenario>(move || Nat::new(config.clone(), INSIDE, OUTSIDE));
}

#[test]
fn random_ports_are_the_same_ones_after_a_crash() {
    let from = |port: u16| packet(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), port), addr(SERVER), UDP);
    let config = NatConfig { port_allocation: PortAllocation::Random, first_port: 2000, ..NatConfig::default() };
    let trace: Vec<Input> = (1..400).map(|port| Input::Packet(INSIDE, from(port))).collect();
    assert_recoverable(move || Nat::new(config.clone(), INSIDE, OUTSIDE), &trace, 4);
}

#[test]
fn random_ports_do_not_follow_each_other_and_all_are_used() {
    let random = NatConfig { port_allocation: PortAllocation::Random, ..NatConfig::default() };
    let from = |port: u16| packet(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), port), addr(SERVER), UDP);
    let mut large = nat(random.clone());
    let ports: Vec<u16> = (1..100).map(|port| large.send(INSIDE, from(port)).unwrap().0.port()).collect();
    let near = ports.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 100).count();
    assert!(near < 10 && ports.iter().all(|port| *port >= 1024), "{ports:?}");
    let mut small = nat(NatConfig { first_port: 2000, last_port: 2063, ..random });
    let mut ports: Vec<u16> = (1..65).map(|port| small.send(INSIDE, from(port)).unwrap().0.port()).collect();
    ports.sort_unstable();
    assert!(ports.into_iter().eq(2000..2064));
    assert_eq!(small.send(INSIDE, from(65)), None);
}

#[test]
fn a_storm_of_short_connections_needs_few_ports_if_closed_ones_are_forgotten_soon() {
    let mut nat = nat(NatConfig {
        port_allocation: PortAllocation::Random,
        first_port: 2000,
        last_port: 2049,
        tcp_closed_timeout: Some(0),
        sweep_ticks: 1,
        ..NatConfig::default()
    });
    let host = Ipv4Addr::new(10, 0, 0, 1);
    let open = |nat: &mut Single<Nat>, port: u16| {
        let client = SocketAddrV4::new(host, port);
        let (public, _) = nat.send(INSIDE, packet(client, addr(SERVER), SYN)).expect("a free port");
        nat.send(OUTSIDE, packet(addr(SERVER), public, SYN_ACK)).expect("an answer");
        (client, public)
    };
    let (client, public) = open(&mut nat, 60_000);
    for port in 1..1000 {
        let (client, public) = open(&mut nat, port);
        nat.send(INSIDE, packet(client, addr(SERVER), FIN)).expect("an end");
        nat.send(OUTSIDE, packet(addr(SERVER), public, FIN)).expect("an end");
        if port % 40 == 0 {
            nat.tick();
        }
    }
    // one that lives on is not touched
    assert_eq!(nat.send(INSIDE, packet(client, addr(SERVER), DATA)), Some((public, addr(SERVER))));
}

#[test]
fn what_is_left_to_the_interface_stays_right() {
    offloads::assert_checksums_stay_right(
        || Nat::new(NatConfig::default(), INSIDE, OUTSIDE),
        addr(CLIENT),
        addr(SERVER),
    );
}

#[test]
fn a_run_without_faults_has_no_contradiction_and_nothing_missing() {
    driver::assert_clean::<NatScenario>(60_000, 55_000, processor());
}

#[test]
fn a_lost_a_repeated_and_an_altered_packet_are_noticed() {
    driver::assert_faults_are_noticed::<NatScenario>(processor());
}

#[test]
fn a_nat_that_forgets_its_flows_is_noticed() {
    let mut group = nat(NatConfig::default());
    let mut left = 20_000;
    let forgetful = |frame: &Frame| {
        left -= 1;
        if left == 0 {
            group = nat(NatConfig { first_port: 3000, ..NatConfig::default() });
        }
        group.process(frame)
    };
    let outcome = driver::run(&mut NatScenario::default(), 30_000, forgetful, driver::honest);
    assert!(outcome.contradiction.is_some());
}

#[test]
fn a_nat_that_lets_everything_through_is_noticed() {
    driver::assert_letting_all_through_is_noticed::<NatScenario>(processor());
}

#[test]
fn only_the_remote_of_a_flow_may_answer() {
    let mut nat = nat(NatConfig::default());
    let public = open(&mut nat, UDP);
    assert_eq!(nat.send(OUTSIDE, packet(addr(SERVER), public, UDP)), Some((addr(SERVER), addr(CLIENT))));
    assert_eq!(nat.send(OUTSIDE, packet(addr("203.0.113.9:81"), public, UDP)), None);
    assert_eq!(nat.send(OUTSIDE, packet(addr("203.0.113.8:80"), public, UDP)), None);
    assert_eq!(nat.send(OUTSIDE, packet(addr(SERVER), public, DATA)), None);
}

#[test]
fn the_ports_run_out_and_come_back() {
    let config =
        NatConfig { first_port: 2000, last_port: 2001, udp_timeout: 1, sweep_ticks: 1, ..NatConfig::default() };
    let mut nat = nat(config);
    let from = |port: u16| packet(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), port), addr(SERVER), UDP);
    assert_eq!(nat.send(INSIDE, from(1)).unwrap().0.port(), 2000);
    assert_eq!(nat.send(INSIDE, from(2)).unwrap().0.port(), 2001);
    assert_eq!(nat.send(INSIDE, from(3)), None);
    std::thread::sleep(Duration::from_millis(1100));
    nat.tick();
    assert_eq!(nat.send(INSIDE, from(3)).unwrap().0.port(), 2000);
    assert_eq!(nat.send(INSIDE, from(1)).unwrap().0.port(), 2001);
}

#[test]
fn the_ports_of_a_closed_connection_serve_the_next_one() {
    let mut nat = nat(NatConfig { tcp_transitory_timeout: 1, sweep_ticks: 1, ..NatConfig::default() });
    let reply =
        |nat: &mut Single<Nat>, public, transport| nat.send(OUTSIDE, packet(addr(SERVER), public, transport)).is_some();
    let public = open(&mut nat, SYN);
    assert!(reply(&mut nat, public, SYN_ACK) && reply(&mut nat, public, RST));
    // before it is forgotten a new one is opened, which stays
    assert_eq!(open(&mut nat, SYN), public);
    assert!(reply(&mut nat, public, SYN_ACK));
    std::thread::sleep(Duration::from_millis(1100));
    nat.tick();
    assert!(reply(&mut nat, public, RST));
    std::thread::sleep(Duration::from_millis(1100));
    nat.tick();
    assert!(!reply(&mut nat, public, DATA));
}

#[test]
fn a_connection_in_the_middle_is_not_taken_up() {
    let mut nat = nat(NatConfig::default());
    assert_eq!(nat.send(INSIDE, packet(addr(CLIENT), addr(SERVER), DATA)), None);
    assert_eq!(nat.send(INSIDE, packet(addr(CLIENT), addr(SERVER), SYN_ACK)), None);
}

/// An ICMP "host unreachable" about `quoted`, a frame, with at most `keep` bytes of its packet.
fn unreachable(from: Ipv4Addr, to: Ipv4Addr, quoted: &[u8], keep: usize) -> Vec<u8> {
    use etherparse::{Icmpv4Type, icmpv4::DestUnreachableHeader};
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4(from.octets(), to.octets(), 60)
        .icmpv4(Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Host));
    let payload = &quoted[14..quoted.len().min(14 + keep)];
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).unwrap();
    frame
}

#[test]
fn icmp_errors_find_their_flow_in_both_directions() {
    let router = Ipv4Addr::new(192, 0, 2, 1);
    for (transport, keep) in [(SYN, 28), (SYN, 500), (UDP, 28), (UDP, 500)] {
        let mut nat = nat(NatConfig::default());
        let sent = packet(addr(CLIENT), addr(SERVER), transport);
        let left = nat.process(&Frame::new(INSIDE, sent.clone(), 0)).remove(0);
        let public = open(&mut nat, transport);

        // what a router says of the packet that left
        let error = unreachable(router, *public.ip(), left.bytes(), keep);
        let told = nat.process(&Frame::new(OUTSIDE, error, 0)).remove(0);
        assert_eq!(told.port(), INSIDE);
        assert!(is_sound(told.bytes(), Offsets { network: 14, transport: 34, payload: 42 }));
        let ip = Ipv4HeaderSlice::from_slice(&told.bytes()[14..]).unwrap();
        assert_eq!((ip.source_addr(), ip.destination_addr()), (router, *addr(CLIENT).ip()));
        // the inside host finds its own packet in it, checksums included
        let quoted = Icmpv4Slice::from_slice(&told.bytes()[34..]).unwrap().payload();
        assert_eq!(quoted, &sent[14..sent.len().min(14 + keep)]);

        // what the inside host says of a packet that came in
        let back = if transport == SYN { SYN_ACK } else { UDP };
        let reply = packet(addr(SERVER), public, back);
        let delivered = nat.process(&Frame::new(OUTSIDE, reply.clone(), 0)).remove(0);
        let error = unreachable(*addr(CLIENT).ip(), *addr(SERVER).ip(), delivered.bytes(), keep);
        let told = nat.process(&Frame::new(INSIDE, error, 0)).remove(0);
        assert!(is_sound(told.bytes(), Offsets { network: 14, transport: 34, payload: 42 }));
        let ip = Ipv4HeaderSlice::from_slice(&told.bytes()[14..]).unwrap();
        assert_eq!((ip.source_addr(), ip.destination_addr()), (*public.ip(), *addr(SERVER).ip()));
        let quoted = Icmpv4Slice::from_slice(&told.bytes()[34..]).unwrap().payload();
        assert_eq!(quoted, &reply[14..reply.len().min(14 + keep)]);

        // a stranger's packet is quoted: nobody's business
        let foreign = packet(addr("198.51.100.1:999"), addr(SERVER), transport);
        let error = unreachable(router, *public.ip(), &foreign, keep);
        assert!(nat.process(&Frame::new(OUTSIDE, error, 0)).is_empty());
    }
}

#[test]
fn no_frame_is_too_short_or_too_strange() {
    let mut nat = nat(NatConfig::default());
    for vlan in [None, Some(5)] {
        for transport in [SYN, UDP, Transport::Echo { reply: false, seq: 1 }] {
            let whole = Headers { vlan, source: addr(CLIENT), destination: addr(SERVER), transport };
            let whole = whole.frame(&[], 64, &Identity::default());
            let error = unreachable(*addr(SERVER).ip(), Ipv4Addr::new(198, 51, 100, 1), &whole, 500);
            for frame in [whole, error] {
                for length in 0..frame.len() {
                    for port in [INSIDE, OUTSIDE] {
                        assert!(nat.process(&Frame::new(port, frame[..length].to_vec(), 0)).is_empty(), "{length}");
                    }
                }
                for at in 0..frame.len() * 8 {
                    let mut frame = frame.clone();
                    frame[at / 8] ^= 1 << (at % 8);
                    // whatever it does, it does not panic
                    nat.process(&Frame::new(INSIDE, frame, 0));
                }
            }
        }
    }
}
