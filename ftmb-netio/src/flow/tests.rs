use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;

fn udp4(from: ([u8; 4], u16), to: ([u8; 4], u16), tags: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4(from.0, to.0, 64)
        .udp(from.1, to.1)
        .write(&mut bytes, b"x")
        .expect("fits");
    for _ in 0..tags {
        bytes.splice(12..12, [0x81, 0x00, 0x00, 0x07]);
    }
    bytes
}

fn tcp6(from: ([u8; 16], u16), to: ([u8; 16], u16), extensions: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6(from.0, to.0, 64).tcp(from.1, to.1, 1, 2);
    builder.write(&mut bytes, b"x").expect("fits");
    for _ in 0..extensions {
        let next = std::mem::replace(&mut bytes[14 + 6], ip_number::IPV6_DESTINATION_OPTIONS.0);
        bytes.splice(54..54, [next, 0, 1, 4, 0, 0, 0, 0]);
    }
    bytes
}

proptest! {
    #[test]
    fn both_directions_of_a_flow_hash_alike(
        seed: u64, a: [u8; 4], b: [u8; 4], c: [u8; 16], d: [u8; 16], p: u16, q: u16, n in 0_usize..4,
    ) {
        let hash = FlowHash::new(seed);
        prop_assert_eq!(hash.of(&udp4((a, p), (b, q), n)), hash.of(&udp4((b, q), (a, p), 0)));
        prop_assert_eq!(hash.of(&tcp6((c, p), (d, q), n)), hash.of(&tcp6((d, q), (c, p), 0)));
    }

    #[test]
    fn no_frame_makes_it_panic(seed: u64, start in 0_usize..3, bytes: Vec<u8>, cut in 0_usize..80) {
        let hash = FlowHash::new(seed);
        hash.of(&bytes);
        let frame = [udp4(([1; 4], 1), ([2; 4], 2), start), tcp6(([1; 16], 1), ([2; 16], 2), start)].concat();
        hash.of(&frame[..cut.min(frame.len())]);
        let mut damaged = frame.clone();
        damaged.splice(12.., bytes);
        hash.of(&damaged);
    }
}

#[test]
fn all_fragments_of_a_packet_go_to_one_core() {
    let hash = FlowHash::new(1);
    let mut first = udp4(([10, 0, 0, 1], 1000), ([10, 0, 0, 2], 2000), 0);
    let mut later = udp4(([10, 0, 0, 1], 0xdead), ([10, 0, 0, 2], 0xbeef), 0);
    let whole = hash.of(&first);
    first[14 + 6] = 0x20; // more fragments
    later[14 + 7] = 0x10; // offset 16
    assert_eq!(hash.of(&first), hash.of(&later));
    assert_ne!(hash.of(&first), whole);
}

#[test]
fn flows_spread_evenly_over_cores() {
    let hash = FlowHash::new(3);
    let mut counts = [0_usize; 7];
    for flow in 0..70_000_u32 {
        let from = ([10, 0, (flow >> 8) as u8, flow as u8], (flow >> 16) as u16 + 1024);
        counts[FlowHash::core(hash.of(&udp4(from, ([192, 0, 2, 1], 80), 0)), 7)] += 1;
    }
    assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
}

/// `cargo test --release -p ftmb-netio -- --ignored --nocapture hash_costs`
#[test]
#[ignore = "a measurement"]
fn hash_costs() {
    let hash = FlowHash::new(3);
    let frames: Vec<_> = (0..64_u8).map(|i| udp4(([10, 0, 0, i], 1000), ([10, 0, 1, 2], 2000), 0)).collect();
    // Of this thread, so that a busy machine does not spoil it.
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    let (mut sum, start) = (0_u64, cpu());
    for _ in 0..1_000_000 {
        for frame in &frames {
            sum = sum.wrapping_add(hash.of(std::hint::black_box(frame)).into());
        }
    }
    println!("{:.2} ns a frame ({sum})", (cpu() - start) / 64e6);
}
