//! What the balancer does to single packets and requests, and that the scenario notices what it must.

use std::{collections::HashSet, net::SocketAddrV4, time::Duration};

use etherparse::{Icmpv4Slice, Icmpv4Type, Ipv4HeaderSlice, PacketBuilder, icmpv4::DestUnreachableHeader};
use ftmb::prelude::*;

use crate::{
    middlebox::{BalancerConfig, LoadBalancer},
    scenario::BalancerScenario,
    traffic::{
        Headers, Identity, Offsets, Transport,
        driver::{self, Single},
        is_sound, offloads,
    },
};

const CLIENTS: PortId = PortId(0);
const SERVERS: PortId = PortId(1);

fn make(config: &BalancerConfig) -> LoadBalancer {
    LoadBalancer::new(config.clone(), CLIENTS, SERVERS)
}

fn balancer(config: &BalancerConfig) -> Single<LoadBalancer> {
    let config = config.clone();
    Single::new(move || make(&config))
}

fn processor() -> impl FnMut(&Frame) -> Vec<Frame> {
    let mut group = balancer(&BalancerConfig::default());
    move |frame| group.process(frame)
}

const fn tcp(ack: bool, syn: bool, fin: bool, rst: bool) -> Transport {
    Transport::Tcp { seq: 1, ack: if ack { Some(1) } else { None }, syn, fin, rst }
}

const SYN: Transport = tcp(false, true, false, false);
const SYN_ACK: Transport = tcp(true, true, false, false);
const DATA: Transport = tcp(true, false, false, false);
const RST: Transport = tcp(false, false, false, true);
const UDP: Transport = Transport::Udp { checked: true };

const SERVICE: &str = "198.51.100.10:443";
const CLIENT: &str = "10.0.0.7:5000";

fn addr(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

fn client(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(*addr(CLIENT).ip(), port)
}

fn packet(source: SocketAddrV4, destination: SocketAddrV4, transport: Transport) -> Vec<u8> {
    Headers { vlan: None, source, destination, transport }.frame(&[], 64, &Identity::default())
}

/// The backend that a packet of a client goes to.
fn backend(balancer: &mut Single<LoadBalancer>, client: SocketAddrV4, transport: Transport) -> Option<SocketAddrV4> {
    let (source, backend) = balancer.send(CLIENTS, packet(client, addr(SERVICE), transport))?;
    assert_eq!(source, client);
    Some(backend)
}

#[test]
fn what_is_left_to_the_interface_stays_right() {
    offloads::assert_checksums_stay_right(|| make(&BalancerConfig::default()), addr(CLIENT), addr(SERVICE));
}

#[test]
fn a_crash_loses_repeats_and_contradicts_nothing() {
    driver::assert_survives::<_, BalancerScenario>(|| make(&BalancerConfig::default()));
}

#[test]
fn connections_stay_while_backends_change_between_crashes() {
    let requests = [
        ("add 10.1.0.5:8443", Ok("10.1.0.5:8443 gets new connections\n")),
        ("remove 10.1.0.1:8443", Ok("10.1.0.1:8443 gets no new connections\n")),
        ("remove 10.1.0.1:8443", Err("10.1.0.1:8443 is no backend")),
        ("add 10.1.0.5:8443", Err("10.1.0.5:8443 is a backend already")),
        ("add 10.1.0.0:1", Ok("10.1.0.0:1 gets new connections\n")),
        ("remove 10.1.0.2:8443", Ok("10.1.0.2:8443 gets no new connections\n")),
        ("remove 10.1.0.5:8443", Ok("10.1.0.5:8443 gets no new connections\n")),
        ("add 10.1.0.1:8443", Ok("10.1.0.1:8443 gets new connections\n")),
        ("move 10.1.0.1:8443", Err("expected list, ")),
        ("add 10.1.0.5:8443", Ok("10.1.0.5:8443 gets new connections\n")),
        ("list", Ok("10.1.0.0:1: ")),
    ];
    driver::assert_survives_asked::<_, BalancerScenario>(|| make(&BalancerConfig::default()), &requests);
}

#[test]
fn a_run_without_faults_has_no_contradiction_and_nothing_missing() {
    driver::assert_clean::<BalancerScenario>(40_000, 35_000, processor());
}

#[test]
fn a_lost_a_repeated_and_an_altered_packet_are_noticed() {
    driver::assert_faults_are_noticed::<BalancerScenario>(processor());
}

#[test]
fn a_balancer_that_moves_connections_is_noticed() {
    let mut group = balancer(&BalancerConfig::default());
    let mut left = 10_000;
    let forgetful = |frame: &Frame| {
        left -= 1;
        if left == 0 {
            let mut backends = BalancerConfig::default().backends;
            backends.pop();
            group = balancer(&BalancerConfig { backends, ..BalancerConfig::default() });
        }
        group.process(frame)
    };
    let outcome = driver::run(&mut BalancerScenario::default(), 20_000, forgetful, driver::honest);
    assert!(outcome.contradiction.unwrap().contains(", before as "));
}

#[test]
fn a_balancer_that_lets_everything_through_is_noticed() {
    driver::assert_letting_all_through_is_noticed::<BalancerScenario>(processor());
}

#[test]
fn what_goes_to_a_backend_comes_back_from_the_service() {
    let mut balancer = balancer(&BalancerConfig::default());
    assert_eq!(backend(&mut balancer, addr(CLIENT), DATA), None);
    let chosen = backend(&mut balancer, addr(CLIENT), SYN).unwrap();
    let reply = balancer.send(SERVERS, packet(chosen, addr(CLIENT), SYN_ACK));
    assert_eq!(reply, Some((addr(SERVICE), addr(CLIENT))));
    let stranger = SocketAddrV4::new(*chosen.ip(), 80);
    assert_eq!(balancer.send(SERVERS, packet(stranger, addr(CLIENT), SYN_ACK)), None);
    assert_eq!(balancer.send(SERVERS, packet(chosen, client(5001), SYN_ACK)), None);
    assert_eq!(balancer.send(CLIENTS, packet(addr(CLIENT), addr("198.51.100.10:80"), SYN)), None);
}

#[test]
fn a_connection_stays_while_backends_come_and_go() {
    let mut balancer = balancer(&BalancerConfig::default());
    // each says the same again, as if the answer were late
    let talk = |balancer: &mut Single<LoadBalancer>| -> Vec<Option<SocketAddrV4>> {
        (1..120).map(|port| backend(balancer, client(port), if port % 2 == 0 { UDP } else { SYN })).collect()
    };
    let before = talk(&mut balancer);
    assert_eq!(before.iter().flatten().collect::<HashSet<_>>().len(), 4, "{before:?}");
    for request in ["remove 10.1.0.1:8443", "add 10.1.0.9:8443", "remove 10.1.0.2:8443", "add 10.1.0.8:443"] {
        balancer.control(request).unwrap();
        assert_eq!(talk(&mut balancer), before, "{request}");
    }
    let new: HashSet<_> = (200..400).filter_map(|port| backend(&mut balancer, client(port), UDP)).collect();
    let expected = ["10.1.0.3:8443", "10.1.0.4:8443", "10.1.0.8:443", "10.1.0.9:8443"];
    assert_eq!(new, expected.map(addr).into());
    let list = balancer.control("list").unwrap();
    assert!(list.contains("10.1.0.2:8443: ") && list.contains(" connections, draining\n"), "{list}");
}

#[test]
fn a_closed_connection_may_be_opened_at_another_backend() {
    let config = BalancerConfig { backends: vec![addr("10.1.0.1:8443")], ..BalancerConfig::default() };
    let mut balancer = balancer(&config);
    assert_eq!(backend(&mut balancer, addr(CLIENT), SYN), Some(addr("10.1.0.1:8443")));
    balancer.control("add 10.1.0.2:8443").unwrap();
    balancer.control("remove 10.1.0.1:8443").unwrap();
    assert_eq!(backend(&mut balancer, addr(CLIENT), RST), Some(addr("10.1.0.1:8443")));
    assert_eq!(backend(&mut balancer, addr(CLIENT), DATA), Some(addr("10.1.0.1:8443")));
    assert_eq!(backend(&mut balancer, addr(CLIENT), SYN), Some(addr("10.1.0.2:8443")));
    assert_eq!(balancer.send(SERVERS, packet(addr("10.1.0.1:8443"), addr(CLIENT), RST)), None);
}

#[test]
fn requests_that_make_no_sense_are_refused_with_a_reason() {
    let config = BalancerConfig { table_size: 211, backends: vec![addr("10.1.0.1:1")], ..BalancerConfig::default() };
    let mut balancer = balancer(&config);
    for (request, reason) in [
        ("", "expected list, add ADDRESS:PORT or remove ADDRESS:PORT, found ``"),
        ("add", "expected list, add ADDRESS:PORT or remove ADDRESS:PORT, found `add`"),
        ("add 10.1.0.1", "expected an IPv4 address and a port, found `10.1.0.1`"),
        ("add 10.1.0.1:1", "10.1.0.1:1 is a backend already"),
        ("remove 10.1.0.2:1", "10.1.0.2:1 is no backend"),
    ] {
        assert_eq!(balancer.control(request), Err(reason.into()), "{request}");
    }
    assert_eq!(balancer.control("add 10.1.0.2:1"), Ok("10.1.0.2:1 gets new connections\n".into()));
    let reason = "there are 2 backends already, the most that the table is large enough for";
    assert_eq!(balancer.control("add 10.1.0.3:1"), Err(reason.into()));
    for backend in ["10.1.0.1:1", "10.1.0.2:1"] {
        assert_eq!(balancer.control(&format!("remove {backend}")), Ok(format!("{backend} gets no new connections\n")));
    }
    assert_eq!(backend(&mut balancer, addr(CLIENT), SYN), None);
}

#[test]
fn a_table_that_cannot_be_shared_out_is_refused() {
    let config = |table_size| BalancerConfig { table_size, ..BalancerConfig::default() };
    for size in [0, 1, 97, 65_536, 65_537 * 3, 1_000_005] {
        let refused = config(size).checked().map(|_| ()).unwrap_err().to_string();
        assert_eq!(refused, format!("table_size is {size}, expected a prime number from 101 to 1000003"));
    }
    assert!(config(101).checked().unwrap_err().to_string().contains("at most 1"));
    assert!(config(65_537).checked().is_ok() && config(1_000_003).checked().is_ok() && config(997).checked().is_ok());
}

#[test]
fn idle_connections_are_forgotten() {
    let mut config = BalancerConfig::default();
    config.timeouts.unanswered = 1;
    let mut balancer = balancer(&config);
    let chosen = backend(&mut balancer, addr(CLIENT), UDP).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    (0..16).for_each(|_| balancer.tick());
    assert_eq!(balancer.send(SERVERS, packet(chosen, addr(CLIENT), UDP)), None);
}

#[test]
fn icmp_errors_find_their_connection_in_both_directions() {
    let unreachable = |to: SocketAddrV4, quoted: &[u8]| {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([192, 0, 2, 1], to.ip().octets(), 60)
            .icmpv4(Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Host))
            .write(&mut frame, &quoted[14..])
            .unwrap();
        frame
    };
    let mut balancer = balancer(&BalancerConfig::default());
    let sent = packet(addr(CLIENT), addr(SERVICE), UDP);
    let left = balancer.process(&Frame::new(CLIENTS, sent.clone(), 0)).remove(0);
    let chosen = backend(&mut balancer, addr(CLIENT), UDP).unwrap();
    let mut told = |port, error, to: SocketAddrV4| {
        let out = balancer.process(&Frame::new(port, error, 0)).pop()?;
        assert!(is_sound(out.bytes(), Offsets { network: 14, transport: 34, payload: 42 }));
        assert_eq!(Ipv4HeaderSlice::from_slice(&out.bytes()[14..]).unwrap().destination_addr(), *to.ip());
        Some(Icmpv4Slice::from_slice(&out.bytes()[34..]).unwrap().payload().to_vec())
    };
    // what a router says of the packet that went to the backend: the client finds its own in it
    let error = unreachable(addr(CLIENT), left.bytes());
    assert_eq!(told(SERVERS, error, addr(CLIENT)).as_deref(), Some(&sent[14..]));
    // what one says of the answer: the backend finds its own
    let answer = packet(chosen, addr(CLIENT), UDP);
    let error = unreachable(addr(SERVICE), &packet(addr(SERVICE), addr(CLIENT), UDP));
    assert_eq!(told(CLIENTS, error, chosen).as_deref(), Some(&answer[14..]));
    // nobody's business
    let error = unreachable(addr(CLIENT), &packet(addr(CLIENT), addr("10.1.0.77:8443"), UDP));
    assert_eq!(told(SERVERS, error, addr(CLIENT)), None);
}

#[test]
fn arp_passes_and_other_protocols_only_if_asked_for() {
    for pass_other in [false, true] {
        let config = BalancerConfig { pass_other, ..BalancerConfig::default() };
        driver::assert_others_pass(&mut balancer(&config), pass_other);
    }
}
