//! What the firewall does to single packets and requests, and that the scenario notices what it must.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use etherparse::{Icmpv4Type, PacketBuilder, icmpv4::DestUnreachableHeader};
use ftmb::prelude::*;

use crate::{
    middlebox::{Firewall, FirewallConfig},
    scenario::FirewallScenario,
    traffic::{
        Headers, Identity, Transport,
        driver::{self, Single},
    },
};

const INSIDE: PortId = PortId(0);
const OUTSIDE: PortId = PortId(1);

fn make(config: &FirewallConfig) -> Firewall {
    Firewall::new(config.clone(), config.rules().unwrap(), INSIDE, OUTSIDE)
}

fn firewall(rules: &[&str]) -> Single<Firewall> {
    let config = FirewallConfig::default().with_rules(rules);
    Single::new(move || make(&config))
}

fn processor() -> impl FnMut(&Frame) -> Vec<Frame> {
    let mut group = Single::new(|| make(&FirewallConfig::default()));
    move |frame| group.process(frame)
}

const fn tcp(ack: bool, syn: bool, fin: bool, rst: bool) -> Transport {
    Transport::Tcp { seq: 1, ack: if ack { Some(1) } else { None }, syn, fin, rst }
}

const SYN: Transport = tcp(false, true, false, false);
const SYN_ACK: Transport = tcp(true, true, false, false);
const DATA: Transport = tcp(true, false, false, false);
const FIN: Transport = tcp(true, false, true, false);
const RST: Transport = tcp(false, false, false, true);
const UDP: Transport = Transport::Udp { checked: true };
const ASK: Transport = Transport::Echo { reply: false, seq: 1 };
const ANSWER: Transport = Transport::Echo { reply: true, seq: 1 };

const CLIENT: &str = "10.0.0.7:5000";
const SERVER: &str = "203.0.113.9:80";

fn packet(source: &str, destination: &str, transport: Transport) -> Vec<u8> {
    let (source, destination): (SocketAddrV4, SocketAddrV4) = (source.parse().unwrap(), destination.parse().unwrap());
    Headers { vlan: None, source, destination, transport }.frame(&[], 64, &Identity::default())
}

/// Whether a packet passes.
fn passes(firewall: &mut Single<Firewall>, port: PortId, bytes: Vec<u8>) -> bool {
    let sent = Frame::new(port, bytes, 0);
    let out = firewall.process(&sent);
    assert!(out.iter().all(|out| out.bytes() == sent.bytes() && out.port() != port));
    out.len() == 1
}

/// Whether a packet of the client, or of its server, passes.
fn out(firewall: &mut Single<Firewall>, transport: Transport) -> bool {
    passes(firewall, INSIDE, packet(CLIENT, SERVER, transport))
}

fn back(firewall: &mut Single<Firewall>, transport: Transport) -> bool {
    passes(firewall, OUTSIDE, packet(SERVER, CLIENT, transport))
}

#[test]
fn a_crash_loses_repeats_and_contradicts_nothing() {
    driver::assert_survives::<_, FirewallScenario>(|| make(&FirewallConfig::default()));
}

#[test]
fn rules_that_change_between_crashes_are_neither_lost_nor_changed_twice() {
    let requests = [
        ("add deny in any", Ok("5: deny in any\n0 flows cut\n")),
        ("insert 3 deny in tcp to 10.1.0.1 port 80", Ok("6: deny in tcp to 10.1.0.1/32 port 80\n")),
        ("remove 1", Ok("removed 1: allow out tcp from 10.1.0.3/32 to port 25\n")),
        ("remove 1", Err("there is no rule 1")),
        ("add deny out udp port 53", Err("expected `from`, `to` or the end, found `port`")),
        ("add deny out tcp to 198.18.0.0/15", Ok("7: ")),
        ("insert 7 allow out tcp to 198.18.0.0/16", Ok("8: ")),
        ("remove 7", Ok("removed 7: deny out tcp to 198.18.0.0/15\n0 flows cut\n")),
        ("insert 7 deny in any", Err("there is no rule 7")),
        ("add deny in icmp", Ok("9: ")),
        (
            "list",
            Ok("2: deny out tcp to port 25\n6: deny in tcp to 10.1.0.1/32 port 80\n\
                3: allow in tcp to 10.1.0.1/32 port 443\n4: allow in udp to 10.1.0.2/32 port 53\n5: deny in any\n\
                8: allow out tcp to 198.18.0.0/16\n9: deny in icmp\notherwise: allow out, deny in\n"),
        ),
    ];
    driver::assert_survives_asked::<_, FirewallScenario>(|| make(&FirewallConfig::default()), &requests);
}

#[test]
fn a_run_without_faults_has_no_contradiction_and_nothing_missing() {
    driver::assert_clean::<FirewallScenario>(40_000, 35_000, processor());
}

#[test]
fn a_lost_a_repeated_and_an_altered_packet_are_noticed() {
    driver::assert_faults_are_noticed::<FirewallScenario>(processor());
}

#[test]
fn a_firewall_that_forgets_its_flows_is_noticed() {
    let mut inner = processor();
    let mut left = 10_000;
    let forgetful = |frame: &Frame| {
        left -= 1;
        if left == 0 {
            inner = processor();
        }
        inner(frame)
    };
    let outcome = driver::run(&mut FirewallScenario::default(), 20_000, forgetful, driver::honest);
    assert!(outcome.missing.packets > 100, "{outcome:?}");
}

#[test]
fn a_firewall_that_lets_everything_through_is_noticed() {
    driver::assert_letting_all_through_is_noticed::<FirewallScenario>(processor());
}

#[test]
fn a_connection_opens_from_inside_only_and_ends_with_its_last_packet() {
    let mut firewall = firewall(&[]);
    assert!(!back(&mut firewall, SYN) && !back(&mut firewall, SYN_ACK) && !out(&mut firewall, DATA));
    assert!(out(&mut firewall, SYN) && !back(&mut firewall, DATA) && back(&mut firewall, SYN_ACK));
    assert!(out(&mut firewall, DATA) && back(&mut firewall, DATA) && !back(&mut firewall, SYN));
    assert!(back(&mut firewall, FIN) && out(&mut firewall, FIN) && back(&mut firewall, DATA));
    // over: the server may not open it again, the client may
    assert!(!back(&mut firewall, SYN) && out(&mut firewall, SYN) && !back(&mut firewall, DATA));
    assert!(back(&mut firewall, RST) && !out(&mut firewall, DATA) && !back(&mut firewall, DATA));
    assert!(out(&mut firewall, SYN));
}

#[test]
fn datagrams_and_echos_are_answered_by_whom_they_were_sent_to() {
    let mut firewall = firewall(&[]);
    assert!(!back(&mut firewall, UDP) && out(&mut firewall, UDP) && back(&mut firewall, UDP));
    assert!(!passes(&mut firewall, OUTSIDE, packet("203.0.113.9:81", CLIENT, UDP)));
    assert!(!passes(&mut firewall, OUTSIDE, packet("203.0.113.8:80", CLIENT, UDP)));
    assert!(!back(&mut firewall, ANSWER) && out(&mut firewall, ASK) && back(&mut firewall, ANSWER));
    assert!(!back(&mut firewall, ASK));
}

#[test]
fn an_icmp_error_passes_if_it_is_about_a_flow() {
    let unreachable = |quoted: &[u8]| {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([192, 0, 2, 1], [10, 0, 0, 7], 60)
            .icmpv4(Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Host))
            .write(&mut frame, &quoted[14..])
            .unwrap();
        frame
    };
    let mut firewall = firewall(&[]);
    let sent = packet(CLIENT, SERVER, UDP);
    assert!(!passes(&mut firewall, OUTSIDE, unreachable(&sent)));
    assert!(out(&mut firewall, UDP));
    assert!(passes(&mut firewall, OUTSIDE, unreachable(&sent)));
    assert!(!passes(&mut firewall, OUTSIDE, unreachable(&packet(SERVER, CLIENT, UDP))));
}

#[test]
fn the_first_rule_that_applies_decides() {
    let mut firewall = firewall(&["allow out tcp to 203.0.113.9 port 80", "deny out any", "allow in udp"]);
    assert!(out(&mut firewall, SYN) && !out(&mut firewall, UDP) && back(&mut firewall, UDP) && out(&mut firewall, UDP));
    assert!(!passes(&mut firewall, INSIDE, packet(CLIENT, "203.0.113.9:81", SYN)));
}

#[test]
fn a_change_of_rules_cuts_what_it_forbids_and_nothing_else() {
    let mut firewall = firewall(&[]);
    assert!(out(&mut firewall, SYN) && back(&mut firewall, SYN_ACK) && out(&mut firewall, UDP));
    let reply = firewall.control("add deny out tcp to 203.0.113.0/24 port 80");
    assert_eq!(reply, Ok("1: deny out tcp to 203.0.113.0/24 port 80\n1 flows cut\n".into()));
    assert!(!out(&mut firewall, DATA) && !back(&mut firewall, DATA) && !out(&mut firewall, SYN));
    assert!(back(&mut firewall, UDP) && out(&mut firewall, UDP));
    assert_eq!(
        firewall.control("insert 1 allow out tcp to 203.0.113.9"),
        Ok("2: allow out tcp to 203.0.113.9/32\n0 flows cut\n".into())
    );
    assert!(out(&mut firewall, SYN));
    assert_eq!(
        firewall.control("list").unwrap(),
        "2: allow out tcp to 203.0.113.9/32\n1: deny out tcp to 203.0.113.0/24 port 80\notherwise: allow out, deny in\n"
    );
    assert_eq!(firewall.control("remove 2"), Ok("removed 2: allow out tcp to 203.0.113.9/32\n1 flows cut\n".into()));
    assert!(!back(&mut firewall, SYN_ACK));
    assert_eq!(firewall.control("remove 2"), Err("there is no rule 2".into()));
    assert!(firewall.control("please").unwrap_err().contains("expected list"));
}

#[test]
fn idle_flows_are_forgotten_and_make_room() {
    let config: FirewallConfig =
        serde_json::from_str(r#"{ "max_flows": 1, "timeouts": { "unanswered": 1 } }"#).unwrap();
    let mut firewall = Single::new(move || make(&config));
    let datagram = |port: u16| {
        let source = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), port);
        packet(&source.to_string(), SERVER, UDP)
    };
    // each of the tables has room for one
    let passed: Vec<u16> = (1..200).filter(|&port| passes(&mut firewall, INSIDE, datagram(port))).collect();
    assert!((2..=16).contains(&passed.len()), "{passed:?}");
    std::thread::sleep(Duration::from_millis(1100));
    (0..16).for_each(|_| firewall.tick());
    let reply = packet(SERVER, &format!("10.0.0.1:{}", passed[0]), UDP);
    assert!(!passes(&mut firewall, OUTSIDE, reply));
    assert!(!passed.contains(&200) && passes(&mut firewall, INSIDE, datagram(200)));
}
