//! The capture port through its public face, on every engine there is, and its halves on an engine that misbehaves.

mod continuing;
mod faults;
mod formats;
mod killed;
mod pacing;
mod port;

use std::path::Path;

use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;

use super::*;
use crate::uring::probe;

const ID: PortId = PortId(3);

/// A frame as it was received: position and bytes.
type Frame = (u64, Vec<u8>);

fn engines() -> Vec<EngineChoice> {
    let mut engines = vec![EngineChoice::Plain];
    engines.extend(probe().is_ok().then_some(EngineChoice::Uring));
    engines
}

fn options(engine: EngineChoice) -> PcapOptions {
    PcapOptions { engine, ..PcapOptions::default() }
}

fn continuing(engine: EngineChoice) -> PcapOptions {
    PcapOptions { output: OutputMode::Continue, ..options(engine) }
}

fn flat(path: &Path) -> PcapSpec {
    PcapSpec::reading(path).with_pace(crate::port::Pace::Flat)
}

fn sent(ordinal: u64, bytes: &[u8]) -> Sent<'_> {
    Sent { port: ID, core: 0, ordinal, source: ordinal, arrival: ordinal * 1_000, offload: Offload::default(), bytes }
}

/// Everything that a port hands in, at one time, in calls of `limit`.
fn receive_all(port: &mut PcapPort, limit: usize) -> Result<Vec<Frame>, PortError> {
    let mut frames = Vec::new();
    while !port.exhausted() {
        port.receive(0, limit, &mut |frame| {
            assert_eq!(frame.port, ID);
            frames.push((frame.source, frame.bytes.to_vec()));
            true
        })?;
    }
    Ok(frames)
}

fn read_file(path: &Path, engine: EngineChoice) -> Result<Vec<Frame>, PortError> {
    receive_all(&mut PcapPort::open(ID, &flat(path), &options(engine))?, 32)
}

fn send_all(port: &mut PcapPort, frames: &[Vec<u8>]) {
    for (i, frame) in frames.iter().enumerate() {
        while !port.send(&sent(i as u64 + 1, frame)).unwrap() {
            std::thread::yield_now();
        }
    }
    port.flush().unwrap();
}

fn numbered(frames: &[Vec<u8>]) -> Vec<Frame> {
    (1..).zip(frames.iter().cloned()).collect()
}

/// A capture in any of the four forms, by hand.
#[derive(Debug, Clone, Copy)]
struct Form {
    big_endian: bool,
    nanoseconds: bool,
}

impl Form {
    const ALL: [Form; 4] = [
        Form { big_endian: false, nanoseconds: false },
        Form { big_endian: false, nanoseconds: true },
        Form { big_endian: true, nanoseconds: false },
        Form { big_endian: true, nanoseconds: true },
    ];

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() }).collect()
    }

    fn header(self, snap: u32, link: u32) -> Vec<u8> {
        let magic = if self.nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let version = if self.big_endian { 0x0002_0004 } else { 0x0004_0002 };
        self.words(&[magic, version, 0, 0, snap, link])
    }

    fn record(self, seconds: u32, fraction: u32, bytes: &[u8]) -> Vec<u8> {
        let length = bytes.len() as u32;
        [self.words(&[seconds, fraction, length, length]), bytes.to_vec()].concat()
    }
}
