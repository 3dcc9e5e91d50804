//! A log's file that was damaged somewhere: every way of opening and reading it ends in frames or in an error.
#![no_main]

use std::sync::OnceLock;

use ftmb_fuzz::{Input, path};
use ftmb_runtime::log::{Followed, Follower, Log, LogKind, LogSpec, MIN_CAPACITY};
use libfuzzer_sys::fuzz_target;

const SPEC: LogSpec = LogSpec { kind: LogKind::In, capacity: MIN_CAPACITY, fingerprint: 7 };

/// A log with some frames, which have gone around its ring if `long`.
fn sound(long: bool) -> Vec<u8> {
    let path = path("sound");
    let log = Log::create(&path, SPEC).expect("there is room");
    let mut writer = log.writer().expect("it is new");
    let mut reader = log.reader(0);
    for i in 0..if long { 3000 } else { 30 } {
        writer.append(1 + i as u8 % 3, 0, &[&[i as u8; 64], &[0; 7][..i % 8]]).expect("it is read");
        writer.publish();
        if i % 20 == 0 {
            while reader.next().expect("sound").is_some() {}
            log.trim(reader.position());
        }
    }
    let bytes = std::fs::read(&path).expect("it was written");
    drop((writer, reader, log));
    std::fs::remove_file(&path).expect("it is there");
    bytes
}

fuzz_target!(|data: &[u8]| {
    static SOUND: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    let mut input = Input::new(data);
    let flags = input.byte();
    let mut bytes = SOUND.get_or_init(|| [false, true].map(sound))[usize::from(flags & 1)].clone();
    input.damage(&mut bytes);
    if flags & 2 != 0 && bytes.len() >= 36 {
        let crc = crc32fast::hash(&bytes[..32]);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
    }
    let path = path("log");
    std::fs::write(&path, &bytes).expect("there is room");
    let Ok(log) = Log::open(&path, LogKind::In, 7) else { return };
    let mut reader = log.reader(log.trimmed());
    while let Ok(Some(frame)) = reader.next() {
        let (next, position) = (frame.next, frame.position);
        assert!(next > position);
    }
    let mut follower = Follower::new(log.clone(), log.trimmed());
    for _ in 0..10_000 {
        match follower.next() {
            Some(Followed::Frame(_)) => {}
            Some(Followed::Missed { from, to }) => assert!(from < to),
            Some(Followed::Restarted) | None => break,
        }
    }
    if let Ok(writer) = log.writer() {
        let mut batch = writer.last_batch();
        while let Ok(Some(_)) = batch.next() {}
    }
});
