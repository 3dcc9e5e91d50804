//! Tunnels as ports, between addresses of the loopback interface, each test with both engines where io_uring may be used.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use ftmb_netio::offload::Pieces;
use ftmb_netio::port::udp::UdpPort;
use ftmb_netio::port::{Port, PortError, PortStat, Received, Sent, UdpSpec};
use ftmb_netio::uring::{EngineChoice, EngineKind, Sleeper};
use ftmb_runtime::offload::{Checksum, Offload, SegmentKind, Segmentation};
use ftmb_runtime::packet::PortId;

/// Addresses of this host, one pair for each test and engine: tests run at the same time.
fn addresses(test: u8, engine: EngineChoice) -> [SocketAddr; 2] {
    let engine = if engine == EngineChoice::Plain { 1 } else { 2 };
    [1, 2].map(|end| SocketAddr::from(([127, test, engine, end], 4789)))
}

fn spec(local: SocketAddr, remote: SocketAddr) -> UdpSpec {
    UdpSpec::new(local, remote).unwrap().with_vni(0x01_0203).unwrap()
}

fn open(spec: &UdpSpec, engine: EngineChoice) -> UdpPort {
    UdpPort::open(PortId(0), spec, engine).unwrap()
}

/// Both ends of a tunnel, with each engine.
fn with_a_tunnel(test: u8, body: impl Fn(UdpPort, UdpPort, [SocketAddr; 2])) {
    for engine in [EngineChoice::Plain, EngineChoice::Auto] {
        let [here, there] = addresses(test, engine);
        let (one, other) = (open(&spec(here, there), engine), open(&spec(there, here), engine));
        println!("{engine:?}: {:?}", one.engine());
        body(one, other, [here, there]);
    }
}

fn sent(offload: Offload, bytes: &[u8]) -> Sent<'_> {
    Sent { port: PortId(0), core: 0, ordinal: 1, source: 1, arrival: 0, offload, bytes }
}

fn frame(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31) ^ seed).collect()
}

/// Takes frames until there are `count`, or nothing has come for a while.
fn collect(port: &mut UdpPort, count: usize) -> Vec<Vec<u8>> {
    let (mut seen, mut last, mut next) = (Vec::new(), Instant::now(), 0);
    while seen.len() < count && last.elapsed() < Duration::from_secs(5) {
        port.receive(0, 64, &mut |frame: Received<'_>| {
            assert!(frame.offload.is_none() && frame.source > next, "positions increase");
            next = frame.source;
            seen.push(frame.bytes.to_vec());
            last = Instant::now();
            true
        })
        .unwrap();
    }
    seen
}

#[test]
fn frames_pass_both_ways_byte_for_byte_and_in_order() {
    with_a_tunnel(1, |one, other, _| {
        let mut ports = [one, other];
        let frames: Vec<_> = (0..700).map(|at| frame(14 + at * 12, at as u8)).collect();
        for (from, to) in [(0, 1), (1, 0)] {
            let mut seen = Vec::new();
            // No more at a time than a socket has room for that asks for no privileges.
            for chunk in frames.chunks(10) {
                for bytes in chunk {
                    assert!(ports[from].send(&sent(Offload::default(), bytes)).unwrap());
                }
                ports[from].flush().unwrap();
                seen.extend(collect(&mut ports[to], chunk.len()));
            }
            assert!(seen == frames, "{} of {} frames", seen.len(), frames.len());
            assert_eq!((ports[from].statistics().get(PortStat::Sent), ports[from].statistics().lost()), (700, 0));
        }
    });
}

#[test]
fn what_is_left_to_the_interface_is_done_before_the_tunnel() {
    with_a_tunnel(2, |mut one, mut other, _| {
        let mut bytes = frame(14 + 40 + 20_000, 5);
        bytes[12..34]
            .copy_from_slice(&[0x08, 0, 0x45, 0, 0x4e, 0x48, 0, 7, 0x40, 0, 64, 6, 0, 0, 10, 1, 0, 1, 10, 1, 0, 2]);
        (bytes[46], bytes[47]) = (0x50, 0x10);
        let cut = Segmentation { kind: SegmentKind::Tcp4, size: 1360, ecn: false, header_len: 54 };
        let offload = Offload::new(Checksum::Partial { start: 34, offset: 16 }, Some(cut));
        one.send(&sent(offload, &bytes)).unwrap();
        one.flush().unwrap();
        let pieces = Pieces::new(&bytes, offload).unwrap();
        let expected: Vec<_> = (0..pieces.count()).map(|at| pieces.get(at, &mut Vec::new()).to_vec()).collect();
        assert_eq!(expected.len(), 15);
        assert!(collect(&mut other, 15) == expected, "the segments differ");
        // What contradicts itself is not sent.
        one.send(&sent(offload, &bytes[..40])).unwrap();
        one.flush().unwrap();
        assert_eq!((one.statistics().get(PortStat::Unfinished), one.statistics().get(PortStat::Sent)), (1, 15));
    });
}

#[test]
fn what_is_not_for_this_tunnel_is_counted_by_reason() {
    with_a_tunnel(3, |one, mut other, [here, there]| {
        drop(one);
        let datagram = |flags: u8, vni: [u8; 3], length: usize| {
            [&[flags, 0, 0, 0, vni[0], vni[1], vni[2], 0][..], &frame(length, 1)].concat()
        };
        let (good, other_vni) = (datagram(8, [1, 2, 3], 60), datagram(8, [1, 2, 4], 60));
        // The remote host may send from any port.
        let remote = UdpSocket::bind((here.ip(), 0)).unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        for bytes in [&other_vni[..], &good[..7], &datagram(8, [1, 2, 3], 13), &datagram(0, [1, 2, 3], 60), &[]] {
            remote.send_to(bytes, there).unwrap();
        }
        stranger.send_to(&good, there).unwrap();
        remote.send_to(&good, there).unwrap();
        assert_eq!(collect(&mut other, 1), [frame(60, 1)]);
        let counted = other.statistics();
        let figures = [PortStat::Received, PortStat::OtherNetwork, PortStat::Malformed, PortStat::Stranger];
        assert_eq!(figures.map(|stat| counted.get(stat)), [1, 1, 4, 1]);
    });
}

#[test]
fn frames_that_do_not_fit_into_a_packet_are_dropped_and_counted() {
    with_a_tunnel(4, |mut one, mut other, _| {
        for length in [1000, 65_600, 2000, 65_000] {
            one.send(&sent(Offload::default(), &frame(length, 3))).unwrap();
        }
        one.flush().unwrap();
        assert_eq!(collect(&mut other, 3).iter().map(Vec::len).collect::<Vec<_>>(), [1000, 2000, 65_000]);
        assert_eq!((one.statistics().get(PortStat::TooLong), one.statistics().get(PortStat::Sent)), (1, 3));
    });
}

#[test]
fn a_tunnel_without_its_other_end_loses_frames_and_goes_on() {
    with_a_tunnel(5, |mut one, other, [here, there]| {
        drop(other);
        for _ in 0..3 {
            one.send(&sent(Offload::default(), &frame(100, 1))).unwrap();
            one.flush().unwrap();
            assert_eq!(one.receive(0, 64, &mut |frame| panic!("{frame:?}")).unwrap(), 0);
        }
        let mut other = open(&spec(there, here), EngineChoice::Auto);
        other.resume(100).unwrap();
        one.send(&sent(Offload::default(), &frame(100, 1))).unwrap();
        one.flush().unwrap();
        let mut source = 0;
        while source == 0 {
            other
                .receive(0, 1, &mut |frame| {
                    source = frame.source;
                    true
                })
                .unwrap();
        }
        assert_eq!(source, 100, "counted on behind what was stamped");
    });
}

#[test]
fn what_the_kernel_drops_is_counted() {
    with_a_tunnel(6, |mut one, mut other, _| {
        other.receive(0, 1, &mut |_| true).unwrap();
        for _ in 0..40_000 {
            one.send(&sent(Offload::default(), &frame(1500, 1))).unwrap();
        }
        one.flush().unwrap();
        let (mut seen, mut quiet) = (0_u64, 0);
        while quiet < 1000 {
            let taken = other.receive(0, 64, &mut |_| true).unwrap();
            (seen, quiet) = (seen + taken as u64, if taken == 0 { quiet + 1 } else { 0 });
        }
        let (dropped, all) = (other.statistics().get(PortStat::DroppedByKernel), one.statistics().get(PortStat::Sent));
        println!("{seen} came, {dropped} were dropped by the kernel");
        assert_eq!((seen + dropped, all), (40_000, 40_000));
    });
}

#[test]
fn a_datagram_ends_a_sleep() {
    with_a_tunnel(7, |mut one, mut other, _| {
        // Whoever waits has armed the receive before.
        other.receive(0, 1, &mut |_| true).unwrap();
        one.send(&sent(Offload::default(), &frame(60, 1))).unwrap();
        one.flush().unwrap();
        let (mut sleeper, bell) = (Sleeper::new(), 0.into());
        let (started, mut seen) = (Instant::now(), 0);
        while seen == 0 {
            sleeper.sleep(&bell, 0, &[other.wakes_by().unwrap()], Duration::from_secs(100));
            seen = other.receive(0, 1, &mut |_| true).unwrap();
        }
        assert!(started.elapsed() < Duration::from_secs(100));
    });
}

#[test]
fn a_tunnel_over_ipv6() {
    let (here, there) = ("[::1]:47891".parse().unwrap(), "[::1]:47892".parse().unwrap());
    let mut one = match UdpPort::open(PortId(0), &spec(here, there), EngineChoice::Auto) {
        Err(PortError::NoAddress { .. }) => return println!("skipped: this host has no IPv6"),
        one => one.unwrap(),
    };
    let mut other = open(&spec(there, here), EngineChoice::Plain);
    assert_eq!(other.engine(), EngineKind::Plain);
    for length in [60, 9000] {
        one.send(&sent(Offload::default(), &frame(length, 1))).unwrap();
        one.flush().unwrap();
        assert_eq!(collect(&mut other, 1), [frame(length, 1)]);
        other.send(&sent(Offload::default(), &frame(length, 2))).unwrap();
        other.flush().unwrap();
        assert_eq!(collect(&mut one, 1), [frame(length, 2)]);
    }
}

#[test]
fn an_address_that_is_taken_or_elsewhere_has_its_own_error() {
    let [here, there] = addresses(8, EngineChoice::Auto);
    let _one = open(&spec(here, there), EngineChoice::Auto);
    let error = UdpPort::open(PortId(0), &spec(here, there), EngineChoice::Auto).unwrap_err();
    assert!(matches!(error, PortError::AddressInUse { local } if local == here), "{error}");
    let elsewhere = "192.0.2.1:4789".parse().unwrap();
    let error = UdpPort::open(PortId(0), &spec(elsewhere, there), EngineChoice::Auto).unwrap_err();
    assert!(matches!(error, PortError::NoAddress { local } if local == elsewhere), "{error}");
}
