//! Interfaces as ports, against real ones: veth pairs in namespaces of their own, each test with both engines.
//!
//! Marked as ignored because they need root: `cargo test -p ftmb-netio --test device_ports_in_network_namespaces -- --ignored`.

mod namespaces;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ftmb_netio::port::device::DevicePort;
use ftmb_netio::port::{DeviceSpec, Port, PortError, PortStat, Received, Sent};
use ftmb_netio::uring::EngineChoice;
use ftmb_runtime::offload::{Checksum, Offload, SegmentKind, Segmentation};
use ftmb_runtime::packet::PortId;
use namespaces::Namespace;

const ENGINES: [EngineChoice; 2] = [EngineChoice::Uring, EngineChoice::Plain];
/// The type of the tests' own frames (IEEE 802, for experiments).
const OURS: [u8; 2] = [0x88, 0xb5];

fn open(interface: &str, engine: EngineChoice) -> DevicePort {
    DevicePort::open(PortId(0), &DeviceSpec::new(interface).unwrap(), engine).unwrap()
}

fn sent<'a>(offload: Offload, bytes: &'a [u8]) -> Sent<'a> {
    Sent { port: PortId(0), core: 0, ordinal: 1, source: 1, arrival: 0, offload, bytes }
}

/// A frame of `length` bytes from its Ethernet header on, with a tag per `tags`.
fn frame(tags: &[[u8; 4]], length: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    bytes.extend(tags.concat());
    bytes.extend(OURS);
    bytes.extend((bytes.len()..length).map(|at| (at as u8).wrapping_mul(31) ^ seed));
    bytes
}

/// Takes frames of ours until there are `count`, or nothing has come for a while.
fn collect(port: &mut DevicePort, count: usize) -> Vec<(Offload, Vec<u8>)> {
    let (mut seen, mut last, mut source) = (Vec::new(), Instant::now(), 0);
    while seen.len() < count && last.elapsed() < Duration::from_secs(3) {
        port.receive(0, 64, &mut |frame: Received<'_>| {
            assert!(frame.source > source, "positions increase");
            source = frame.source;
            if frame.bytes.windows(2).take(24).any(|pair| pair == OURS) {
                seen.push((frame.offload, frame.bytes.to_vec()));
                last = Instant::now();
            }
            true
        })
        .unwrap();
    }
    seen
}

/// Two connected interfaces, `v0` and `v1`, both up.
fn pair(namespace: &Namespace) {
    namespace.ip("link add v0 type veth peer name v1");
    namespace.up(&["v0", "v1"]);
}

/// Runs a test in a new namespace with the pair `v0` - `v1`, once per engine.
fn with_a_pair(test: impl Fn(&Namespace, EngineChoice) + Sync) {
    for engine in ENGINES {
        let Some(namespace) = Namespace::new() else { return };
        pair(&namespace);
        namespace.run(|| test(&namespace, engine));
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_frame_that_is_not_taken_is_offered_again_and_those_behind_it_wait() {
    with_a_pair(|_, engine| {
        let (mut one, mut other) = (open("v0", engine), open("v1", engine));
        assert!(other.holds() && !other.keeps());
        let frames: Vec<_> = (0..200).map(|at| frame(&[], 60 + at * 7, at as u8)).collect();
        for frame in &frames {
            assert!(one.send(&sent(Offload::default(), frame)).unwrap());
        }
        one.flush().unwrap();
        let (mut seen, mut offered, mut refused, since) = (Vec::new(), 0, None, Instant::now());
        while seen.len() < frames.len() && since.elapsed() < Duration::from_secs(10) {
            let mut taken = 0;
            let returned = other.receive(0, 8, &mut |received: Received<'_>| {
                assert!(refused.take().is_none_or(|source| source == received.source), "what was refused comes first");
                offered += 1;
                if offered % 3 == 0 || seen.len() == 7 && offered < 40 {
                    refused = Some(received.source);
                    return false;
                }
                taken += 1;
                if received.bytes[12..14] == OURS {
                    seen.push(received.bytes.to_vec());
                }
                true
            });
            assert_eq!(returned.unwrap(), taken);
            assert!(taken <= 8);
        }
        assert!(seen == frames, "{} of {} frames, or not in order", seen.len(), frames.len());
        assert_eq!(other.statistics().lost(), 0);
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn frames_pass_both_ways_byte_for_byte_and_own_ones_do_not_come_back() {
    with_a_pair(|_, engine| {
        let (mut one, mut other) = (open("v0", engine), open("v1", engine));
        let frames: Vec<_> = (0..700).map(|at| frame(&[], 14 + at * 2, at as u8)).collect();
        let frames = &frames[..];
        for (from, to) in [(0, 1), (1, 0)] {
            let ports = [&mut one, &mut other];
            for chunk in frames.chunks(100) {
                for bytes in chunk {
                    assert!(ports[from].send(&sent(Offload::default(), bytes)).unwrap());
                }
                ports[from].flush().unwrap();
            }
            let seen = collect(ports[to], frames.len());
            assert_eq!(seen.len(), frames.len());
            for ((offload, bytes), expected) in seen.iter().zip(frames) {
                assert!(offload.is_none() && bytes == expected, "{} bytes", expected.len());
            }
            assert_eq!(ports[from].statistics().get(PortStat::Sent), 700);
            assert_eq!(ports[from].statistics().lost(), 0);
        }
        for port in [&mut one, &mut other] {
            port.receive(0, 64, &mut |frame| panic!("own frame came back: {frame:?}")).unwrap();
        }
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn vlan_tags_are_kept() {
    with_a_pair(|_, engine| {
        let (mut one, mut other) = (open("v0", engine), open("v1", engine));
        let (customer, service) = ([0x81, 0, 0x60, 0x05], [0x88, 0xa8, 0x01, 0x02]);
        let frames =
            [frame(&[customer], 300, 1), frame(&[service, customer], 300, 2), frame(&[[0x81, 0, 0, 0]], 1518, 3)];
        for bytes in &frames {
            one.send(&sent(Offload::default(), bytes)).unwrap();
        }
        one.flush().unwrap();
        let seen: Vec<_> = collect(&mut other, 3).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(seen, frames);
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn offload_metadata_travels_with_a_frame_also_under_a_tag() {
    with_a_pair(|_, engine| {
        let (mut one, mut other) = (open("v0", engine), open("v1", engine));
        for tags in [&[][..], &[[0x81, 0, 0, 0x07]]] {
            let link = 14 + 4 * tags.len();
            // A TCP segment of 60,000 bytes, to be cut and summed by whoever sends it at last.
            let mut bytes = frame(tags, link + 20 + 20 + 60_000, 9);
            bytes[link - 2..link].copy_from_slice(&[0x08, 0x00]);
            bytes[link..link + 20]
                .copy_from_slice(&[0x45, 0, 0xea, 0x88, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 1, 0, 1, 10, 1, 0, 2]);
            (bytes[link + 20], bytes[link + 21]) = (OURS[0], OURS[1]);
            (bytes[link + 32], bytes[link + 33]) = (0x50, 0x10);
            let checksum = Checksum::Partial { start: link as u16 + 20, offset: 16 };
            let cut = Segmentation { kind: SegmentKind::Tcp4, size: 1448, ecn: false, header_len: link as u16 + 40 };
            let offload = Offload::new(checksum, Some(cut));
            one.send(&sent(offload, &bytes)).unwrap();
            one.flush().unwrap();
            assert_eq!(one.statistics().lost(), 0);
            let mut seen = Vec::new();
            let deadline = Instant::now() + Duration::from_secs(3);
            while seen.is_empty() && Instant::now() < deadline {
                let mut take = |frame: Received<'_>| {
                    seen.push((frame.offload, frame.bytes.to_vec()));
                    true
                };
                other.receive(0, 64, &mut take).unwrap();
            }
            assert_eq!(seen.len(), 1);
            assert!(seen[0].1 == bytes, "the bytes differ");
            assert_eq!(seen[0].0.checksum(), checksum);
            let found = seen[0].0.segmentation().unwrap();
            assert_eq!((found.kind, found.size), (SegmentKind::Tcp4, 1448));
        }
    });
}

/// Forwards between two interfaces until told to stop; returns the longest frame, how many were longer than an MTU, and how many
/// had a partial checksum.
fn bump_in_the_wire(engine: EngineChoice, interfaces: [&str; 2], stop: &AtomicBool) -> (usize, usize, usize) {
    let [mut left, mut right] = interfaces.map(|interface| open(interface, engine));
    let (mut longest, mut long, mut partial) = (0, 0, 0);
    while !stop.load(Ordering::Relaxed) {
        let mut pass = |from: &mut DevicePort, to: &mut DevicePort| {
            let passed = from.receive(0, 64, &mut |frame| {
                longest = longest.max(frame.bytes.len());
                long += usize::from(frame.bytes.len() > 1514);
                partial += usize::from(matches!(frame.offload.checksum(), Checksum::Partial { .. }));
                to.send(&sent(frame.offload, frame.bytes)).unwrap()
            });
            passed.unwrap();
            to.flush().unwrap();
        };
        pass(&mut left, &mut right);
        pass(&mut right, &mut left);
    }
    assert_eq!((left.statistics().lost(), right.statistics().lost()), (0, 0));
    (longest, long, partial)
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_real_tcp_transfer_passes_unchanged_in_frames_of_64_kib() {
    const LENGTH: usize = 64 << 20;
    let byte = |at: usize| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8;
    for engine in ENGINES {
        let (Some(client), Some(middle), Some(server)) = (Namespace::new(), Namespace::new(), Namespace::new()) else {
            return;
        };
        middle.connect("left", &client, "eth0", "10.1.0.1/24");
        middle.connect("right", &server, "eth0", "10.1.0.2/24");
        let stop = AtomicBool::new(false);
        let (longest, long, partial) = std::thread::scope(|scope| {
            let forwarder = scope.spawn(|| middle.run(|| bump_in_the_wire(engine, ["left", "right"], &stop)));
            let listener = server.run(|| TcpListener::bind("10.1.0.2:5000").unwrap());
            let sender = scope.spawn(|| {
                client.run(|| {
                    let mut stream = TcpStream::connect("10.1.0.2:5000").unwrap();
                    let bytes: Vec<u8> = (0..LENGTH).map(byte).collect();
                    stream.write_all(&bytes).unwrap();
                })
            });
            let (mut stream, _) = listener.accept().unwrap();
            let mut received = Vec::with_capacity(LENGTH);
            stream.read_to_end(&mut received).unwrap();
            stop.store(true, Ordering::Relaxed);
            sender.join().unwrap();
            assert_eq!(received.len(), LENGTH);
            assert!(received.iter().enumerate().all(|(at, found)| *found == byte(at)), "the bytes differ");
            forwarder.join().unwrap()
        });
        println!("{engine:?}: longest frame {longest}, {long} longer than an MTU, {partial} with partial checksums");
        assert!(longest > 30_000 && long > 100 && partial > 100);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_link_may_go_down_and_come_up_again() {
    with_a_pair(|namespace, engine| {
        let (mut one, mut other) = (open("v0", engine), open("v1", engine));
        let bytes = frame(&[], 100, 0);
        let send = |port: &mut DevicePort| {
            port.send(&sent(Offload::default(), &bytes)).unwrap();
            port.flush().unwrap();
        };
        send(&mut one);
        assert_eq!(collect(&mut other, 1).len(), 1);
        namespace.ip("link set v1 down");
        namespace.ip("link set v0 down");
        send(&mut one);
        assert_eq!(one.statistics().get(PortStat::LinkDown), 1);
        other.receive(0, 64, &mut |_| true).unwrap();
        namespace.up(&["v0", "v1"]);
        send(&mut one);
        let mut source = 0;
        let deadline = Instant::now() + Duration::from_secs(10);
        while source == 0 {
            assert!(Instant::now() < deadline, "nothing comes after the link came up again");
            let take = &mut |frame: Received<'_>| {
                source = frame.source;
                true
            };
            other.receive(0, 64, take).unwrap();
        }
        assert!(source > 1, "positions go on");
        assert_eq!(one.statistics().lost(), 1, "{:?}", one);
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_interface_that_is_down_at_first_may_come_up_later_and_a_deleted_one_ends_the_port() {
    with_a_pair(|namespace, engine| {
        namespace.ip("link set v1 down");
        let (mut one, mut other) = (open("v0", engine), open("v1", engine));
        other.receive(0, 64, &mut |_| true).unwrap();
        namespace.up(&["v0", "v1"]);
        let bytes = frame(&[], 100, 0);
        one.send(&sent(Offload::default(), &bytes)).unwrap();
        one.flush().unwrap();
        assert_eq!(collect(&mut other, 1).len(), 1);
        namespace.ip("link delete v1");
        let deadline = Instant::now() + Duration::from_secs(10);
        let error = loop {
            match other.receive(0, 64, &mut |_| true) {
                Err(error) => break error,
                Ok(_) => assert!(Instant::now() < deadline, "the deletion was not noticed"),
            }
        };
        assert!(matches!(error, PortError::InterfaceGone { .. }), "{error}");
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn frames_longer_than_the_mtu_are_dropped_and_counted() {
    with_a_pair(|namespace, engine| {
        let (mut one, mut other) = (open("v0", engine), open("v1", engine));
        let long = frame(&[], 1515, 0);
        one.send(&sent(Offload::default(), &long)).unwrap();
        one.send(&sent(Offload::default(), &frame(&[], 1514, 0))).unwrap();
        one.flush().unwrap();
        assert_eq!(one.statistics().get(PortStat::TooLong), 1);
        assert_eq!(collect(&mut other, 1).len(), 1);
        // Segments that fit an MTU of 1500 do not fit one of 1400.
        let mut bytes = frame(&[], 14 + 40 + 3000, 0);
        (bytes[12], bytes[13], bytes[14 + 20 + 12]) = (8, 0, 0x50);
        let cut = Segmentation { kind: SegmentKind::Tcp4, size: 1460, ecn: false, header_len: 54 };
        namespace.ip("link set v0 mtu 1400");
        one.statistics();
        one.send(&sent(Offload::new(Checksum::Partial { start: 34, offset: 16 }, Some(cut)), &bytes)).unwrap();
        one.flush().unwrap();
        assert_eq!(one.statistics().get(PortStat::TooLong), 2);
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_the_kernel_drops_is_counted_and_the_rest_comes_in_order() {
    with_a_pair(|_, engine| {
        let (mut one, mut other) = (open("v0", engine), open("v1", engine));
        other.receive(0, 1, &mut |_| true).unwrap();
        let total = 400_000_u32;
        let mut bytes = frame(&[], 60, 0);
        for number in 0..total {
            bytes[20..24].copy_from_slice(&number.to_be_bytes());
            one.send(&sent(Offload::default(), &bytes)).unwrap();
        }
        one.flush().unwrap();
        let (mut seen, mut next, mut quiet) = (0_u64, 0, 0);
        while quiet < 1000 {
            let mut take = |frame: Received<'_>| {
                let number = u32::from_be_bytes(frame.bytes[20..24].try_into().unwrap());
                assert!(number >= next, "{number} after {next}");
                (seen, next) = (seen + 1, number + 1);
                true
            };
            quiet = if other.receive(0, 64, &mut take).unwrap() == 0 { quiet + 1 } else { 0 };
        }
        let dropped = other.statistics().get(PortStat::DroppedByKernel);
        println!("{engine:?}: {seen} came, {dropped} were dropped by the kernel");
        assert!(dropped > 0 && seen > 10_000);
        assert_eq!(seen + dropped, one.statistics().get(PortStat::Sent));
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn every_reason_not_to_open_has_its_own_error() {
    let Some(namespace) = Namespace::new() else { return };
    pair(&namespace);
    namespace.run(|| {
        let open = |name: &str| DevicePort::open(PortId(0), &DeviceSpec::new(name).unwrap(), EngineChoice::Auto);
        assert!(matches!(open("none0").unwrap_err(), PortError::NoInterface { .. }));
        namespace.ip("tuntap add dev tun0 mode tun");
        assert!(matches!(open("tun0").unwrap_err(), PortError::NotEthernet { found: 65534, .. }));
        namespace.ip("link set lo mtu 70000");
        assert!(matches!(open("lo").unwrap_err(), PortError::Mtu { found: 70_000, .. }));
        namespace.ip("link set lo mtu 65536");
        assert!(open("lo").is_ok());
        std::thread::scope(|scope| {
            let unprivileged = scope.spawn(|| {
                let none = rustix::thread::CapabilitySet::empty();
                let sets = rustix::thread::CapabilitySets { effective: none, permitted: none, inheritable: none };
                rustix::thread::set_capabilities(None, sets).unwrap();
                open("v0").unwrap_err()
            });
            let error = unprivileged.join().unwrap();
            assert!(matches!(error, PortError::Permission { .. }), "{error}");
            assert!(error.to_string().contains("CAP_NET_RAW"), "{error}");
        });
    });
}
