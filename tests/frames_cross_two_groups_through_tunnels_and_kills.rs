//! Two groups of real processes, one behind the other, connected by tunnels over the loopback interface; no privileges needed. Their
//! masters are killed while frames cross them both ways: every frame arrives once, in order.

mod group;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use ftmb_netio::port::udp::UdpPort;
use ftmb_netio::port::{Port, Received, Sent, UdpSpec};
use ftmb_netio::uring::EngineChoice;
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use group::{Place, kill, master};

/// Frames that are under way at a time, one way: fewer than the smallest socket has room for.
const UNDER_WAY: u64 = 50;

/// The two ends of tunnel `number`.
fn ends(number: u8) -> [SocketAddr; 2] {
    [1, 2].map(|end| SocketAddr::from(([127, 48, number, end], 4789)))
}

fn port(name: &str, local: SocketAddr, remote: SocketAddr) -> String {
    format!("{name}=udp:{local},remote={remote},vni=7")
}

/// The test's own end of a tunnel: what it has sent, and got.
struct Host {
    port: UdpPort,
    /// Its number in the addresses of what it sends.
    number: u8,
    sent: u64,
    got: u64,
}

impl Host {
    fn open(number: u8, local: SocketAddr, remote: SocketAddr) -> Host {
        let spec = UdpSpec::new(local, remote).and_then(|spec| spec.with_vni(7)).unwrap();
        Host { port: UdpPort::open(PortId(0), &spec, EngineChoice::Auto).unwrap(), number, sent: 0, got: 0 }
    }

    fn send(&mut self) {
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, self.number], [10, 0, 0, 9], 64);
        let mut bytes = Vec::new();
        builder.udp(1000, 2000).write(&mut bytes, &self.sent.to_be_bytes()).unwrap();
        let frame = Sent {
            port: PortId(0),
            core: 0,
            ordinal: 1,
            source: 1,
            arrival: 0,
            offload: Offload::default(),
            bytes: &bytes,
        };
        assert!(self.port.send(&frame).unwrap());
        self.sent += 1;
    }

    fn receive(&mut self) {
        let got = &mut self.got;
        let mut take = |frame: Received<'_>| {
            let number = u64::from_be_bytes(frame.bytes[42..50].try_into().unwrap());
            assert_eq!(number, *got, "each once, in order");
            *got += 1;
            true
        };
        self.port.receive(0, 64, &mut take).unwrap();
    }
}

#[test]
fn frames_cross_two_groups_through_tunnels_and_kills_of_both_masters() {
    let Some(place) = Place::find() else { return };
    let [near, near_box] = ends(1);
    let [link, link_box] = ends(2);
    let [far_box, far] = ends(3);
    let (first, second) = (place.beside(), place);
    let start = |place: &Place, ports: [String; 2]| {
        place.start("monitor", "up", ["--cores", "2", "--port", &ports[0], "--port", &ports[1]])
    };
    let mut groups = [
        start(&first, [port("left", near_box, near), port("right", link, link_box)]),
        start(&second, [port("left", link_box, link), port("right", far_box, far)]),
    ];
    let records = groups.each_mut().map(|group| group.record());
    let mut hosts = [Host::open(1, near, near_box), Host::open(2, far, far_box)];
    let pass = |hosts: &mut [Host; 2], until: u64| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while hosts.iter().any(|host| host.got < until) {
            assert!(Instant::now() < deadline, "{:?} of {until} arrived", hosts.each_ref().map(|host| host.got));
            for at in 0..2 {
                let arrived = hosts[1 - at].got;
                while hosts[at].sent < until.min(arrived + UNDER_WAY) {
                    hosts[at].send();
                }
                hosts[at].port.flush().unwrap();
                hosts[at].receive();
            }
            std::thread::yield_now();
        }
    };
    pass(&mut hosts, 2000);
    for round in 0..4_usize {
        let (group, record) = (&mut groups[round % 2], &records[round % 2]);
        let epoch = record.epoch();
        assert!(kill(master(record).expect("an active epoch has a master")));
        pass(&mut hosts, 3000 + 1000 * round as u64);
        group.until("the group to recover", |_| record.epoch() > epoch && record.is_active());
    }
    for group in &mut groups {
        group.interrupt();
        let finished = group.wait();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.text.contains(", 2 takeovers\n"), "{finished:?}");
    }
}
