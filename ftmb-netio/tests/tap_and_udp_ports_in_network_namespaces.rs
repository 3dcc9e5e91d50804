//! Tap interfaces and tunnels as ports, against this kernel's own: hosts in namespaces, each test with both engines.
//!
//! Marked as ignored because they need root:
//! `cargo test -p ftmb-netio --test tap_and_udp_ports_in_network_namespaces -- --ignored`.

mod namespaces;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ftmb_netio::port::tap::TapPort;
use ftmb_netio::port::udp::UdpPort;
use ftmb_netio::port::{Port, PortError, PortStat, Received, Sent, TapSpec, UdpSpec};
use ftmb_netio::uring::EngineChoice;
use ftmb_runtime::offload::{Checksum, Offload};
use ftmb_runtime::packet::PortId;
use namespaces::Namespace;

const ENGINES: [EngineChoice; 2] = [EngineChoice::Uring, EngineChoice::Plain];

fn tap(name: &str) -> TapSpec {
    TapSpec::new(name).unwrap()
}

fn open(spec: &TapSpec, engine: EngineChoice) -> TapPort {
    TapPort::open(PortId(0), spec, engine).unwrap()
}

fn sent(offload: Offload, bytes: &[u8]) -> Sent<'_> {
    Sent { port: PortId(0), core: 0, ordinal: 1, source: 1, arrival: 0, offload, bytes }
}

/// What passed one way.
#[derive(Debug, Default, Clone, Copy)]
struct Passed {
    frames: usize,
    longest: usize,
    partial: usize,
}

/// Forwards between two ports until told to stop.
fn forward(mut ports: [Box<dyn Port>; 2], stop: &AtomicBool) -> [Passed; 2] {
    let mut passed = [Passed::default(); 2];
    while !stop.load(Ordering::Relaxed) {
        for (way, count) in passed.iter_mut().enumerate() {
            let [one, other] = &mut ports;
            let (from, to) = if way == 0 { (one, other) } else { (other, one) };
            from.receive(0, 64, &mut |frame: Received<'_>| {
                count.frames += 1;
                count.longest = count.longest.max(frame.bytes.len());
                count.partial += usize::from(matches!(frame.offload.checksum(), Checksum::Partial { .. }));
                to.send(&sent(frame.offload, frame.bytes)).unwrap()
            })
            .unwrap();
            to.flush().unwrap();
        }
    }
    for port in &mut ports {
        assert_eq!(port.statistics().lost(), 0, "{:?}", port.statistics());
    }
    passed
}

/// Pings 10.1.0.2 from a namespace, and moves bytes both ways through TCP, each compared with what they were.
fn ping_and_talk(client: &Namespace, server: &Namespace, length: usize) {
    let ping = || Command::new("ping").args(["-c", "3", "-i", "0.1", "-W", "5", "10.1.0.2"]).output();
    let ping = client.run(ping).expect("iputils-ping is there");
    assert!(ping.status.success(), "{}", String::from_utf8_lossy(&ping.stdout));
    let byte = |at: usize| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8;
    let send = move |mut stream: &TcpStream| {
        let bytes: Vec<u8> = (0..length).map(byte).collect();
        stream.write_all(&bytes).unwrap();
    };
    let check = move |mut stream: &TcpStream| {
        let mut received = vec![0; length];
        stream.read_exact(&mut received).unwrap();
        assert!(received.iter().enumerate().all(|(at, found)| *found == byte(at)), "the bytes differ");
    };
    let listener = server.run(|| TcpListener::bind("10.1.0.2:5000").unwrap());
    std::thread::scope(|scope| {
        let peer = scope.spawn(|| {
            client.run(|| {
                let stream = TcpStream::connect("10.1.0.2:5000").unwrap();
                send(&stream);
                check(&stream);
            })
        });
        let (stream, _) = listener.accept().unwrap();
        check(&stream);
        send(&stream);
        peer.join().unwrap();
    });
}

/// Hosts `client` (10.1.0.1, interface `t1`) and `server` (10.1.0.2, interface `t2`), and what passed between them.
fn two_hosts(engine: EngineChoice, offload: [bool; 2]) -> Option<[Passed; 2]> {
    let (client, server) = (Namespace::new()?, Namespace::new()?);
    let stop = AtomicBool::new(false);
    let (ready, hosts) = (AtomicBool::new(false), [(&client, "t1", "10.1.0.1/24"), (&server, "t2", "10.1.0.2/24")]);
    Some(std::thread::scope(|scope| {
        let forwarder = scope.spawn(|| {
            let [one, other] = [0, 1].map(|at| {
                let (host, interface, address) = hosts[at];
                let spec = tap(interface).with_offload(offload[at]);
                let port = host.run(|| open(&spec, engine));
                host.ip(&format!("addr add {address} dev {interface}"));
                Box::new(port) as Box<dyn Port>
            });
            ready.store(true, Ordering::SeqCst);
            forward([one, other], &stop)
        });
        while !ready.load(Ordering::SeqCst) && !forwarder.is_finished() {
            std::thread::sleep(Duration::from_millis(5));
        }
        ping_and_talk(&client, &server, 32 << 20);
        stop.store(true, Ordering::Relaxed);
        forwarder.join().unwrap()
    }))
}

#[test]
#[ignore = "needs root: network namespaces"]
fn ping_and_tcp_pass_through_two_taps_in_frames_of_64_kib() {
    for engine in ENGINES {
        let Some(passed) = two_hosts(engine, [true, true]) else { return };
        println!("{engine:?}: {passed:?}");
        for way in passed {
            assert!(way.longest > 30_000 && way.partial > 100);
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn ping_and_tcp_pass_through_taps_of_which_one_has_no_offloads() {
    for engine in ENGINES {
        let Some([to_plain, from_plain]) = two_hosts(engine, [true, false]) else { return };
        println!("{engine:?}: {to_plain:?} {from_plain:?}");
        assert!(to_plain.longest > 30_000, "cut in software");
        assert!(from_plain.longest <= 1514 && from_plain.partial == 0, "finished by the host");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_tap_that_was_made_with_several_queues_gives_all_frames_to_who_is_attached() {
    for engine in ENGINES {
        let Some(host) = Namespace::new() else { return };
        host.run(|| {
            host.ip("tuntap add dev t0 mode tap multi_queue");
            host.ip("link set t0 up");
            let mut port = open(&tap("t0"), engine);
            port.receive(0, 1, &mut |_| true).unwrap();
            host.ip("addr add 10.1.0.1/24 dev t0");
            host.ip("neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev t0");
            // Several flows: with several readers they would go to different ones.
            for flow in 0..32 {
                let socket = std::net::UdpSocket::bind("10.1.0.1:0").unwrap();
                socket.send_to(&[flow; 100], "10.1.0.2:9").unwrap();
            }
            let (mut flows, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(10));
            while flows.len() < 32 {
                let mut take = |frame: Received<'_>| {
                    flows.extend((frame.bytes.len() == 142).then(|| frame.bytes[141]));
                    true
                };
                port.receive(0, 64, &mut take).unwrap();
                assert!(Instant::now() < deadline, "{} of 32", flows.len());
            }
            port.send(&sent(Offload::default(), &[2; 60])).unwrap();
            port.flush().unwrap();
            assert_eq!((port.statistics().get(PortStat::Sent), port.statistics().lost()), (1, 0));
        });
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_tap_that_is_down_costs_frames_and_not_the_port() {
    for engine in ENGINES {
        let Some(host) = Namespace::new() else { return };
        host.run(|| {
            let mut port = open(&tap("t0"), engine);
            assert_eq!(port.receive(0, 64, &mut |_| true).unwrap(), 0);
            let send = |port: &mut TapPort| {
                for length in [60, 3000] {
                    port.send(&sent(Offload::default(), &vec![2; length])).unwrap();
                }
                port.flush().unwrap();
                (port.statistics().get(PortStat::Sent), port.statistics().get(PortStat::LinkDown))
            };
            assert_eq!(send(&mut port), (2, 0));
            host.ip("link set t0 down");
            assert_eq!(send(&mut port), (2, 2));
            assert_eq!(port.receive(0, 64, &mut |_| true).unwrap(), 0);
            host.ip("link set t0 up");
            assert_eq!(send(&mut port), (4, 2));
            host.ip("link delete t0");
            let deadline = Instant::now() + Duration::from_secs(10);
            let error = loop {
                match port.receive(0, 64, &mut |_| true) {
                    Err(error) => break error,
                    Ok(_) => assert!(Instant::now() < deadline, "the deletion was not noticed"),
                }
            };
            assert!(matches!(error, PortError::InterfaceGone { .. }), "{error}");
        });
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_nobody_reads_is_dropped_by_the_kernel_and_counted() {
    for engine in ENGINES {
        let Some(host) = Namespace::new() else { return };
        host.run(|| {
            let mut port = open(&tap("t0"), engine);
            port.receive(0, 1, &mut |_| true).unwrap();
            host.ip("addr add 10.1.0.1/24 dev t0");
            host.ip("neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev t0");
            let socket = std::net::UdpSocket::bind("10.1.0.1:0").unwrap();
            let all = 30_000;
            (0..all).for_each(|_| assert!(socket.send_to(&[7; 100], "10.1.0.2:9").is_ok()));
            let (mut seen, mut quiet) = (0, 0);
            while quiet < 1000 {
                let before = seen;
                port.receive(0, 64, &mut |frame| {
                    seen += u64::from(frame.bytes.len() == 142);
                    true
                })
                .unwrap();
                quiet = if seen == before { quiet + 1 } else { 0 };
            }
            let dropped = port.statistics().get(PortStat::DroppedByKernel);
            println!("{engine:?}: {seen} came, {dropped} were dropped by the kernel");
            assert_eq!((seen >= 10_000, seen + dropped), (true, all));
        });
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_interface_goes_with_its_port_unless_it_is_persistent() {
    for engine in ENGINES {
        let Some(host) = Namespace::new() else { return };
        host.run(|| {
            let is_there = |name: &str| ftmb_netio::uring::Interface::find(name).is_ok();
            drop(open(&tap("t0"), engine));
            let deadline = Instant::now() + Duration::from_secs(10);
            while is_there("t0") {
                assert!(Instant::now() < deadline, "it stays");
                std::thread::sleep(Duration::from_millis(5));
            }
            // What is open again at once is not what is about to go.
            drop(open(&tap("t1").with_persistence(true), engine));
            host.ip("addr add 10.1.0.1/24 dev t1");
            for _ in 0..5 {
                let mut port = open(&tap("t1"), engine);
                port.receive(0, 64, &mut |_| true).unwrap();
            }
            assert!(is_there("t1") && host.ip("addr show t1").contains("10.1.0.1"));
            host.ip("tuntap add dev t2 mode tap");
            drop(open(&tap("t2"), engine));
            assert!(is_there("t2"), "whoever made it keeps it");
            host.ip("link delete t1");
            host.ip("link delete t2");
        });
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn every_reason_not_to_open_has_its_own_error() {
    let Some(host) = Namespace::new() else { return };
    host.run(|| {
        let open = |name: &str| TapPort::open(PortId(0), &tap(name), EngineChoice::Auto);
        host.ip("link add v0 type veth peer name v1");
        host.ip("tuntap add dev tun0 mode tun");
        for name in ["v0", "tun0"] {
            let error = open(name).unwrap_err();
            assert!(matches!(error, PortError::NotATap { .. }), "{name}: {error}");
        }
        let _port = open("t0").unwrap();
        let error = open("t0").unwrap_err();
        assert!(matches!(error, PortError::InterfaceInUse { .. }), "{error}");
        std::thread::scope(|scope| {
            let unprivileged = scope.spawn(|| {
                let none = rustix::thread::CapabilitySet::empty();
                let sets = rustix::thread::CapabilitySets { effective: none, permitted: none, inheritable: none };
                rustix::thread::set_capabilities(None, sets).unwrap();
                open("t1").unwrap_err()
            });
            let error = unprivileged.join().unwrap();
            assert!(matches!(error, PortError::Permission { .. }), "{error}");
            assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
        });
    });
}

/// Whether this kernel has `vxlan` interfaces.
fn has_vxlan(host: &Namespace) -> bool {
    let words = "link add vx0 type vxlan id 7 remote 10.2.0.1 local 10.2.0.2 dstport 4789 dev eth0";
    let made = host.run(|| Command::new("ip").args(words.split_whitespace()).output()).expect("iproute2 is there");
    if !made.status.success() {
        println!("skipped: no vxlan interfaces here: {}", String::from_utf8_lossy(&made.stderr));
    }
    made.status.success()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn ping_and_tcp_pass_a_tunnel_to_a_vxlan_interface_of_the_kernel() {
    for engine in ENGINES {
        let (Some(client), Some(server)) = (Namespace::new(), Namespace::new()) else { return };
        client.connect("eth0", &server, "eth0", "10.2.0.2/24");
        client.ip("addr add 10.2.0.1/24 dev eth0");
        if !has_vxlan(&server) {
            return;
        }
        server.ip("addr add 10.1.0.2/24 dev vx0");
        server.ip("link set vx0 up");
        // On a cable, frames are finished when they arrive: a veth pair leaves that to the receiver, and a socket cannot.
        let finish = || Command::new("ethtool").args(["-K", "vx0", "tx", "off"]).output();
        assert!(server.run(finish).expect("ethtool is there").status.success());
        let (stop, ready) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let forwarder = scope.spawn(|| {
                client.run(|| {
                    let host = open(&tap("t1"), engine);
                    client.ip("addr add 10.1.0.1/24 dev t1");
                    client.ip("link set t1 mtu 1450");
                    let spec = UdpSpec::new("10.2.0.1:4789".parse().unwrap(), "10.2.0.2:4789".parse().unwrap());
                    let spec = spec.unwrap().with_vni(7).unwrap();
                    let tunnel = UdpPort::open(PortId(0), &spec, engine).unwrap();
                    ready.store(true, Ordering::SeqCst);
                    forward([Box::new(host), Box::new(tunnel)], &stop)
                })
            });
            while !ready.load(Ordering::SeqCst) && !forwarder.is_finished() {
                std::thread::sleep(Duration::from_millis(5));
            }
            ping_and_talk(&client, &server, 8 << 20);
            stop.store(true, Ordering::Relaxed);
            println!("{engine:?}: {:?}", forwarder.join().unwrap());
        });
    }
}
