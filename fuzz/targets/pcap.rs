//! A capture file, its header right or not: every frame of it, or the error that says where it is wrong.
#![no_main]

use ftmb_fuzz::{Input, path};
use ftmb_netio::port::pcap::{PcapOptions, PcapPort};
use ftmb_netio::port::{MAX_FRAME, Pace, PcapSpec, Port};
use ftmb_netio::uring::EngineChoice;
use ftmb_runtime::packet::PortId;
use libfuzzer_sys::fuzz_target;

const MAGICS: [u32; 4] = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xd4c3_b2a1, 0x4d3c_b2a1];

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let (flags, mut file) = (input.byte(), Vec::new());
    if flags & 1 != 0 {
        let magic = MAGICS[usize::from(flags >> 1 & 3)];
        let swapped = flags & 4 != 0;
        let word = |value: u32| if swapped { value.to_be_bytes() } else { value.to_le_bytes() };
        file.extend_from_slice(&magic.to_le_bytes());
        file.extend_from_slice(&word(if swapped { 2 << 16 | 4 } else { 4 << 16 | 2 }));
        [0, 0, 65535, 1].iter().for_each(|&value| file.extend_from_slice(&word(value)));
    }
    file.extend_from_slice(input.rest());
    let path = path("in.pcap");
    std::fs::write(&path, &file).expect("there is room");
    let options = PcapOptions { engine: EngineChoice::Plain, ..PcapOptions::default() };
    let spec = PcapSpec::reading(path).with_pace(Pace::Flat);
    let Ok(mut port) = PcapPort::open(PortId(0), &spec, &options) else { return };
    let (mut expected, mut bytes) = (1, 0);
    while !port.exhausted() {
        let taken = port.receive(u64::MAX, 64, &mut |frame| {
            assert_eq!(frame.source, expected);
            assert!(frame.bytes.len() <= MAX_FRAME);
            (expected, bytes) = (expected + 1, bytes + frame.bytes.len());
            true
        });
        if taken.is_err() {
            break;
        }
    }
    assert!(bytes <= file.len());
});
