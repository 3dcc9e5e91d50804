//! What else travels between two interfaces with a group in the middle, while its master is killed: long frames, IPv6, ICMP with the
//! errors that it reports, fragments, VLAN tags; and interfaces that go down and come up again.

mod network;

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use ftmb_netio::port::device::DevicePort;
use ftmb_netio::port::{DeviceSpec, Port, PortStat, Sent};
use ftmb_netio::uring::EngineChoice;
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use network::counters::Flow;
use network::group::{self, Group};
use network::load::{self, Client};
use network::process::{PATIENCE, until};
use network::{Lab, Plan, Wire, lab, possible};

const PAUSE: Duration = Duration::from_millis(150);

fn plan() -> Plan {
    Plan { wire: Wire::Transparent, ..Plan::default() }
}

/// Connections that ask for a lot, again and again, under kills.
fn bulk_passes(lab: &Lab, group: &mut Group, server: &str) {
    let _servers = load::serve(lab, server);
    let client = Client::start_to(lab, server, "connections --rate 0 --long-lived 3 --every 1 --bytes 3000000");
    let received = || Flow::all(&lab.server, "sport >= :7000").iter().map(|flow| flow.acknowledged).sum::<u64>();
    for _ in 0..3 {
        let before = received();
        until("the transfers to go on", || received() > before + 1_000_000);
        group.kill_master();
    }
    let report = client.end(PATIENCE);
    assert_eq!((report.count("/long_lived/broken"), report.count("/long_lived/complete")), (0, 3), "{report:?}");
    assert_eq!(group.losses(), [], "{}", group.log());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn frames_of_9000_bytes_and_no_offloads() {
    if !possible(&["ss"]) {
        return;
    }
    let lab = Lab::build(Plan { mtu: 9000, offloads: false, ..plan() });
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    bulk_passes(&lab, &mut group, lab::SERVER);
    group.end();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn plain_frames_without_offloads() {
    if !possible(&["ss"]) {
        return;
    }
    let lab = Lab::build(Plan { offloads: false, ..plan() });
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    bulk_passes(&lab, &mut group, lab::SERVER);
    group.end();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn ipv6_passes_as_it_is() {
    if !possible(&["ss"]) {
        return;
    }
    let lab = Lab::build(Plan { ipv6: true, ..plan() });
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    bulk_passes(&lab, &mut group, "fd00:1::2");
    group.end();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn echoes_and_errors_are_translated() {
    if !possible(&["ping"]) {
        return;
    }
    let lab = Lab::build(plan());
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    for _ in 0..3 {
        lab.client.sh(&format!("ping -c 3 -i 0.05 -W 10 {}", lab::SERVER));
        // Nobody listens there: the server's kernel says so to the address that it sees, and the client is told.
        lab.client.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
            socket.connect((lab::SERVER, 9)).expect("a route");
            socket.set_read_timeout(Some(PATIENCE)).expect("a time");
            socket.send(b"is anybody there?").expect("can be sent");
            let error = socket.recv(&mut [0; 16]).expect_err("nobody is there");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
        });
        group.kill_master();
    }
    assert_eq!(group.losses(), [], "{}", group.log());
    group.end();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn datagrams_in_fragments() {
    if !possible(&["ping"]) {
        return;
    }
    let lab = Lab::build(plan());
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    let bind = |address: &str| {
        let socket = UdpSocket::bind(address).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
        socket
    };
    let server = lab.server.run(|| bind(&format!("{}:7300", lab::SERVER)));
    let client = lab.client.run(|| bind("0.0.0.0:0"));
    client.connect((lab::SERVER, 7300)).expect("a route");
    let mut seen = None;
    for number in 0..6_u8 {
        lab.client.sh(&format!("ping -c 1 -s 5000 -W 10 {}", lab::SERVER));
        let question: Vec<u8> = (0..6000_u32).map(|i| (i * 7 / 3) as u8 ^ number).collect();
        client.send(&question).expect("can be sent");
        let mut bytes = [0; 8000];
        let (length, from) = server.recv_from(&mut bytes).expect("the question comes");
        assert!(bytes[..length] == question, "question {number} is not what was asked");
        assert_eq!(*seen.get_or_insert(from), from, "the flow has kept its port");
        assert_eq!(from.ip().to_string(), lab::OUTSIDE);
        server.send_to(&question, from).expect("can be sent");
        let length = client.recv(&mut bytes).expect("the answer comes");
        assert!(bytes[..length] == question, "answer {number} is not what was asked");
        group.kill_master();
    }
    assert_eq!(group.losses(), [], "{}", group.log());
    group.end();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_interface_goes_down_and_comes_up() {
    if !possible(&["ss"]) {
        return;
    }
    let lab = Lab::build(plan());
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    let _servers = load::serve(&lab, lab::SERVER);
    let flows = Client::start(&lab, "flows --flows 10 --every 20");
    let client = Client::start(&lab, "connections --rate 0 --long-lived 30 --every 20 --patience 50");
    until("connections", || lab.client.sh("ss --tcp --no-header state established").lines().count() >= 30);
    // What a neighbour is called, and by which way it is reached, goes with an interface of an end; the box has none of it.
    for interface in ["inside", "outside"] {
        let lost =
            |group: &Group| group.losses().iter().filter(|loss| loss.0 == "link_down").map(|loss| loss.1).sum::<u64>();
        let before = lost(&group);
        lab.middle.sh(&format!("ip link set {interface} down"));
        until("frames to be refused", || lost(&group) > before);
        group.kill_master();
        lab.middle.sh(&format!("ip link set {interface} up"));
        std::thread::sleep(PAUSE);
        group.kill_master();
    }
    let report = client.end(PATIENCE);
    assert_eq!((report.count("/long_lived/broken"), report.count("/long_lived/complete")), (0, 30), "{report:?}");
    let report = flows.end(PATIENCE);
    assert_eq!((report.count("/changed"), report.count("/silent")), (0, 0), "{report:?}");
    eprintln!("questions lost: {} of {}, {:?}", report.count("/lost"), report.count("/sent"), group.losses());
    group.end();
}

/// A UDP datagram in a frame with a VLAN tag, from port 4000 to 7100.
fn tagged(source: [u8; 4], number: u8) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 42, 8, 0];
    frame.extend([0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend(source);
    frame.extend([203, 0, 113, 2, 0x0f, 0xa0, 0x1b, 0xbc, 0, 9, 0, 0, number]);
    let words = frame[18..38].chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[28..30].copy_from_slice(&sum.to_be_bytes());
    frame
}

#[test]
#[ignore = "needs root: network namespaces"]
fn tags_stay_and_what_is_behind_them_is_translated() {
    if !possible(&[]) {
        return;
    }
    let lab = Lab::build(plan());
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    let open = || {
        let device = DeviceSpec::new("eth0").expect("a name");
        DevicePort::open(PortId(0), &device, EngineChoice::Auto).expect("root may open an interface")
    };
    let (mut client, mut server) = (lab.client.run(open), lab.server.run(open));
    let mut ports = Vec::new();
    for number in 0..4 {
        let frame = tagged([10, 1, 0, 1], number);
        let offload = Offload::default();
        let sent = Sent { port: PortId(0), core: 0, ordinal: 0, source: 0, arrival: 0, offload, bytes: &frame };
        assert!(client.send(&sent).expect("up"));
        client.flush().expect("up");
        let (since, mut arrived) = (Instant::now(), None);
        while arrived.is_none() {
            assert!(since.elapsed() < PATIENCE, "frame {number} does not arrive: {:?}", group.losses());
            let mut take = |received: ftmb_netio::port::Received<'_>| {
                let ours = received.bytes.len() >= frame.len() && received.bytes[12..18] == frame[12..18];
                arrived = arrived.take().or_else(|| ours.then(|| received.bytes.to_vec()));
                true
            };
            server.receive(0, 64, &mut take).expect("up");
        }
        let arrived = arrived.expect("waited for");
        assert_eq!(arrived[..18], frame[..18], "addresses and tag");
        assert_eq!((&arrived[30..34], arrived[46]), (&[203, 0, 113, 254][..], number), "translated, and the right one");
        ports.push([arrived[38], arrived[39]]);
        group.kill_master();
    }
    ports.dedup();
    assert_eq!(ports.len(), 1, "the flow has kept its port");
    assert_eq!(server.statistics().get(PortStat::DroppedByKernel), 0);
    group.end();
}
