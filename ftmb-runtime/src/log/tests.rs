//! Logs: round trips, wrap-around, survival of the writer, refusal of what is not a whole log of ours.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn spec(kind: LogKind) -> LogSpec {
    LogSpec { kind, capacity: MIN_CAPACITY, fingerprint: 0xfeed }
}

fn poke(path: &Path, offset: u64, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn two_mappings_of_one_file_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in.0");
    let log = Log::create(&path, spec(LogKind::In)).unwrap();
    let other = Log::open(&path, LogKind::In, 0xfeed).unwrap();
    let mut writer = log.writer().unwrap();
    let at = writer.append(3, 1, &[b"abc", b"defg"]).unwrap();
    assert_eq!(other.tail(), 0);
    writer.publish();
    let mut reader = other.reader(0);
    let frame = reader.next().unwrap().unwrap();
    assert_eq!((frame.position, frame.kind, frame.flags, frame.payload), (at, 3, 1, &b"abcdefg"[..]));
    other.mark(5).store(9, Ordering::SeqCst);
    assert_eq!(log.mark(5).load(Ordering::SeqCst), 9);
}

#[test]
fn a_new_writer_continues_after_the_published_tail() {
    let log = Log::anonymous(spec(LogKind::Out)).unwrap();
    let mut first = log.writer().unwrap();
    first.append(1, 0, &[b"kept"]).unwrap();
    first.publish();
    first.append(1, 0, &[b"unpublished, lost"]).unwrap();
    drop(first);
    let mut second = log.writer().unwrap();
    second.append(2, 0, &[b"next"]).unwrap();
    second.publish();
    let mut reader = log.reader(0);
    assert_eq!(reader.next().unwrap().unwrap().payload, b"kept");
    assert_eq!(reader.next().unwrap().unwrap().payload, b"next");
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn what_a_dead_writer_left_in_the_place_of_trimmed_frames_is_not_looked_at() {
    let log = Log::anonymous(spec(LogKind::Ckpt)).unwrap();
    let mut first = log.writer().unwrap();
    while first.append(1, 0, &[&[1; 5000]]).is_some() {}
    first.publish();
    let kept = log.reader(0).next().unwrap().unwrap().next;
    for trimmed in [kept, log.tail()] {
        log.trim(trimmed);
        while first.append(2, 0, &[&[0xee; 7000]]).is_some() {}
        assert_eq!(log.writer().unwrap().position(), first.published());
    }
}

#[test]
fn frames_at_the_end_of_the_ring_run_into_the_slack() {
    let log = Log::anonymous(spec(LogKind::In)).unwrap();
    let mut writer = log.writer().unwrap();
    let mut reader = log.reader(0);
    let big = vec![7_u8; MAX_PAYLOAD];
    for round in 0..50_u8 {
        let mut body = big.clone();
        body[MAX_PAYLOAD - 1] = round;
        assert!(writer.append(1, round, &[&body]).is_some());
        assert!(writer.append(1, round, &[&body]).is_none(), "two of the largest do not fit the smallest ring");
        writer.publish();
        assert_eq!(reader.next().unwrap().unwrap().payload, body);
        log.trim(reader.position());
    }
}

#[test]
fn a_full_log_refuses_and_goes_on_after_a_trim() {
    let log = Log::anonymous(spec(LogKind::In)).unwrap();
    let mut writer = log.writer().unwrap();
    let mut count = 0;
    while writer.append(1, 0, &[&[0; 1000]]).is_some() {
        count += 1;
    }
    assert_eq!(count, MIN_CAPACITY as usize / 1008);
    writer.publish();
    let mut reader = log.reader(0);
    reader.next().unwrap();
    log.trim(reader.position());
    assert!(writer.append(1, 0, &[&[0; 1000]]).is_some());
}

#[test]
fn foreign_short_and_mismatched_files_are_typed_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let open = || Log::open(&path, LogKind::In, 0xfeed).unwrap_err();
    assert!(matches!(open(), LogError::Io { step: "open", .. }));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(open(), LogError::Truncated { found: 0, .. }));
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    assert!(matches!(open(), LogError::Foreign { .. }));
    let fresh = || drop(Log::create(&path, spec(LogKind::In)).unwrap());
    fresh();
    poke(&path, 8, &2_u32.to_le_bytes());
    assert!(matches!(open(), LogError::Mismatch { what: "version", expected: 1, found: 2, .. }));
    fresh();
    poke(&path, 25, &[9]);
    assert!(matches!(open(), LogError::Torn { position: 32, .. }));
    fresh();
    let error = Log::open(&path, LogKind::In, 1).unwrap_err();
    assert!(matches!(error, LogError::Mismatch { what: "fingerprint", expected: 1, found: 0xfeed, .. }));
    let error = Log::open(&path, LogKind::Out, 0xfeed).unwrap_err();
    assert!(matches!(error, LogError::Mismatch { what: "kind", expected: 3, found: 1, .. }));
    fresh();
    poke(&path, 128, &u64::MAX.to_le_bytes());
    assert!(matches!(open(), LogError::Torn { .. }));
    fresh();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10_000).unwrap();
    let error = open();
    assert!(matches!(error, LogError::Truncated { found: 10_000, .. }));
    assert!(error.to_string().contains("expected") && error.to_string().contains("log"), "{error}");
}

#[test]
fn torn_frames_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = Log::create(&path, spec(LogKind::In)).unwrap();
    let mut writer = log.writer().unwrap();
    writer.append(1, 0, &[b"first"]).unwrap();
    let second = writer.append(1, 0, &[b"second"]).unwrap();
    writer.publish();
    poke(&path, HEADER_LEN as u64 + second, &[0xff; 8]);
    let mut reader = log.reader(0);
    reader.next().unwrap().unwrap();
    assert!(matches!(reader.next(), Err(LogError::Torn { position, .. }) if position == second));
    assert!(matches!(Log::open(&path, LogKind::In, 0xfeed).unwrap().writer(), Err(LogError::Torn { .. })));
}

#[test]
fn a_follower_sees_every_frame_whole_or_says_that_it_missed_some() {
    const FRAMES: u64 = 20_000;
    let log = Log::anonymous(spec(LogKind::Out)).unwrap();
    let mut follower = Follower::new(log.clone(), 0);
    let (mut seen, mut missed) = (0_u64, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = log.writer().unwrap();
            for number in 0..FRAMES {
                let words = 1 + number as usize * 7 % 100;
                let payload = number.to_le_bytes().repeat(words);
                writer.append(1, 0, &[&payload]).expect("everything before was trimmed");
                if number % 3 == 0 {
                    writer.publish();
                    log.trim(log.tail());
                }
            }
            writer.publish();
        });
        let mut last = None;
        while last != Some(FRAMES - 1) {
            match follower.next() {
                Some(Followed::Frame(frame)) => {
                    let number = u64::from_le_bytes(frame.payload[..8].try_into().unwrap());
                    assert!(last.is_none_or(|last| number > last), "{number} after {last:?}");
                    assert_eq!(frame.payload, number.to_le_bytes().repeat(1 + number as usize * 7 % 100));
                    missed += number - last.map_or(0, |last| last + 1);
                    (last, seen) = (Some(number), seen + 1);
                }
                Some(Followed::Missed { from, to }) => assert!(to > from),
                Some(Followed::Restarted) => panic!("nobody emptied the log"),
                None => std::thread::yield_now(),
            }
        }
    });
    assert_eq!(seen + missed, FRAMES);
}

#[test]
fn a_follower_goes_on_at_the_start_of_a_log_that_was_emptied() {
    let log = Log::anonymous(spec(LogKind::Out)).unwrap();
    let mut follower = Follower::new(log.clone(), 0);
    for text in [&b"one epoch"[..], b"next"] {
        let mut writer = log.writer().unwrap();
        writer.append(1, 0, &[text]).unwrap();
        writer.publish();
        if text == b"next" {
            assert!(matches!(follower.next(), Some(Followed::Restarted)));
        }
        let Some(Followed::Frame(frame)) = follower.next() else { panic!("a frame") };
        assert_eq!(frame.payload, text);
        drop(writer);
        log.reset();
    }
}

#[test]
fn a_follower_that_begins_where_no_frame_does_says_what_it_missed() {
    let log = Log::anonymous(spec(LogKind::Out)).unwrap();
    let mut writer = log.writer().unwrap();
    while log.tail() < log.capacity() {
        log.trim(log.tail());
        writer.append(1, 0, &[&[9; 1000]]).unwrap();
        writer.publish();
    }
    let tail = log.tail();
    for from in tail - 2000..tail {
        let mut follower = Follower::new(log.clone(), from);
        match follower.next() {
            Some(Followed::Frame(frame)) => assert_eq!((frame.position, frame.payload.len()), (from, 1000)),
            Some(Followed::Missed { from: missed, .. }) => assert_eq!(missed, from),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn words_written_on_one_thread_are_read_on_another() {
    let log = Log::anonymous(spec(LogKind::Det)).unwrap();
    let writer = log.word_writer();
    let total = 10 * log.span();
    let reading = log.clone();
    let reader = std::thread::spawn(move || {
        let words = reading.word_reader();
        let mut at = 0;
        while at < total {
            let tail = reading.tail();
            let (a, b) = words.slices(at, tail).unwrap();
            for (i, word) in a.iter().chain(b).enumerate() {
                assert_eq!(*word, (at + i as u64) * 3);
            }
            at = tail;
            reading.trim(at);
            std::thread::yield_now();
        }
    });
    for i in 0..total {
        while !writer.has_room(1) {
            writer.publish();
            std::thread::yield_now();
        }
        writer.push(i * 3);
        if i % 7 == 0 {
            writer.publish();
        }
    }
    writer.publish();
    reader.join().unwrap();
    assert!(matches!(log.word_reader().get(0), Err(LogError::NotRetained { position: 0, .. })));
}

#[test]
fn a_ring_wakes_the_sleeper() {
    let words = Words::anonymous(2).unwrap();
    let other = words.clone();
    let sleeper = std::thread::spawn(move || {
        while other.word(1).load(Ordering::SeqCst) == 0 {
            other.bell(0).wait(|| other.word(1).load(Ordering::SeqCst) != 0, Duration::from_secs(60));
        }
    });
    words.word(1).store(1, Ordering::SeqCst);
    words.bell(0).ring();
    sleeper.join().unwrap();
}

#[test]
fn region_reads_back_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    let mut region = Region::create(&path, 100).unwrap();
    region.write(90, &[5; 10]);
    region.grow(10_000).unwrap();
    region.write(9_990, &[6; 10]);
    drop(region);
    let region = Region::open(&path).unwrap();
    assert!(region.with(90..100, |bytes| bytes == [5; 10]) && region.with(9_990..10_000, |bytes| bytes == [6; 10]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn frames_come_back_in_order(lens in proptest::collection::vec(0_usize..3000, 1..300), batch in 1_usize..9) {
        let log = Log::anonymous(spec(LogKind::In)).unwrap();
        let mut writer = log.writer().unwrap();
        let mut reader = log.reader(0);
        let mut read = 0;
        for (i, len) in lens.iter().enumerate() {
            let body = vec![i as u8; *len];
            while writer.append(i as u8, 0, &[&body]).is_none() {
                writer.publish();
                while let Some(frame) = reader.next().unwrap() {
                    prop_assert_eq!((frame.kind, frame.payload.len()), (read as u8, lens[read]));
                    prop_assert!(frame.payload.iter().all(|b| *b == read as u8));
                    read += 1;
                }
                log.trim(reader.position());
            }
            if i % batch == 0 {
                writer.publish();
            }
        }
    }
}
