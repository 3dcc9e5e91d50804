use std::io::{Seek, SeekFrom, Write as _};

use ftmb_netio::group_record::Birth;
use ftmb_runtime::frame::{KIND_PACKET, OutHeader, PortHeader};
use ftmb_runtime::log::LogSpec;
use ftmb_runtime::offload::{SegmentKind, Segmentation};
use zerocopy::IntoBytes;

use super::*;

fn spec(kind: LogKind) -> LogSpec {
    LogSpec { kind, capacity: 1 << 17, fingerprint: 7 }
}

fn dumped(path: &Path, from: Option<u64>, limit: u64) -> (String, Result<()>) {
    let mut text = String::new();
    let result = dump(&DumpOptions { file: path.into(), from, limit }, &mut text);
    (text, result)
}

/// A log of inputs with three packets; returns where they start.
fn inputs(path: &Path) -> Vec<u64> {
    let log = Log::create(path, spec(LogKind::In)).expect("created");
    let mut writer = log.writer().expect("whole");
    let starts = (1..=3_u64).map(|source| {
        let header = InHeader { source: source.into(), port: 1.into(), arrival: 50.into(), ..InHeader::default() };
        writer.append(KIND_PACKET, 0, &[header.as_bytes(), b"abc"]).expect("room")
    });
    let starts = starts.collect();
    writer.publish();
    starts
}

#[test]
fn inputs_are_printed_with_their_headers() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("in.0");
    let starts = inputs(&path);
    let (text, result) = dumped(&path, None, u64::MAX);
    result.expect("whole");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains("In log, fingerprint 0x0000000000000007, 131072 bytes, holds 0.."), "{text}");
    assert_eq!(lines[1], "0  packet source 1 port 1 arrived at 50 flow 0x00000000, 3 bytes: 616263");
    assert_eq!(lines.len(), 4);
    let (text, _) = dumped(&path, Some(starts[1]), 1);
    assert_eq!(text.lines().count(), 2);
    assert!(text.contains("packet source 2 "), "{text}");
}

#[test]
fn what_is_left_for_an_interface_is_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("in.0");
    let log = Log::create(&path, spec(LogKind::In)).expect("created");
    let mut writer = log.writer().expect("whole");
    let cut = Segmentation { kind: SegmentKind::Tcp4, size: 1448, ecn: false, header_len: 66 };
    let offload = Offload::new(Checksum::Partial { start: 34, offset: 16 }, Some(cut));
    let header = InHeader { offload: offload.to_bytes(), ..InHeader::default() };
    writer.append(KIND_PACKET, 0, &[header.as_bytes(), b"a"]).expect("room");
    writer.publish();
    let (text, result) = dumped(&path, None, u64::MAX);
    result.expect("whole");
    assert!(text.contains("flow 0x00000000 checksum from 34 at +16 cut Tcp4 by 1448, 1 bytes: 61"), "{text}");
}

#[test]
fn of_a_torn_log_the_part_before_the_tear_is_printed_and_then_the_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("in.0");
    let starts = inputs(&path);
    let mut file = File::options().write(true).open(&path).expect("there");
    file.seek(SeekFrom::Start(4096 + starts[2])).expect("long enough");
    file.write_all(&[0xff; 8]).expect("written");
    let (text, result) = dumped(&path, None, u64::MAX);
    assert_eq!(text.lines().count(), 3, "{text}");
    let error = result.expect_err("torn").to_string();
    assert!(error.contains(&format!("torn at position {}", starts[2])), "{error}");
}

#[test]
fn files_that_are_no_logs_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("written");
        dumped(&path, None, 1).1.expect_err("refused").to_string()
    };
    assert!(refused(b"something else altogether").contains("expected a log or a group record"));
    assert!(refused(b"ftmb").contains("truncated"));
    assert!(refused(b"ftmb-log\x01\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0").contains("from 1 to 5, found 9"));
    assert!(refused(b"ftmb-log\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0").contains("truncated"));
    assert!(dumped(&dir.path().join("nothing"), None, 1).1.expect_err("refused").to_string().contains("open failed"));
}

#[test]
fn determinants_are_printed_by_word_and_draws_with_their_values() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("det.0.0");
    let log = Log::create(&path, spec(LogKind::Det)).expect("created");
    let writer = log.word_writer();
    [Word::write(17, 5).0, Word::draw(2, 1).0, 99, Word::read(3, 1).0].into_iter().for_each(|word| writer.push(word));
    writer.publish();
    let (text, result) = dumped(&path, None, u64::MAX);
    result.expect("whole");
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(lines, ["0  W(v17, 5)", "1  D(2, 1)", "2    value 0x63", "3  R(v3, 1)"]);
    let (_, result) = dumped(&path, Some(9), 1);
    result.expect("nothing there, nothing printed");
}

#[test]
fn outputs_port_frames_and_the_group_record_are_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("out.0.0");
    let log = Log::create(&path, spec(LogKind::Out)).expect("created");
    let mut writer = log.writer().expect("whole");
    let header = OutHeader { ordinal: 4.into(), need_det: 9.into(), data_len: 1.into(), ..OutHeader::default() };
    writer.append(KIND_PACKET, 0, &[header.as_bytes(), b"x"]).expect("room");
    writer.append(frame::KIND_PADDING, 0, &[&[0; 16]]).expect("room");
    writer.append(KIND_PACKET, 0, &[b"too short"]).expect("room");
    writer.publish();
    let (text, result) = dumped(&path, None, u64::MAX);
    assert!(text.contains("packet #4 source 0 port 0"), "{text}");
    assert!(text.contains("needs in 0 det 9"), "{text}");
    assert!(text.contains("padding of 16 bytes"), "{text}");
    assert!(result.expect_err("short").to_string().contains("expected a header of 88 bytes"));

    let path = dir.path().join("port.out");
    let log = Log::create(&path, spec(LogKind::Port)).expect("created");
    let mut writer = log.writer().expect("whole");
    let header = PortHeader { ordinal: 4.into(), core: 1.into(), source: 33.into(), ..PortHeader::default() };
    writer.append(KIND_PACKET, 0, &[header.as_bytes(), b"x"]).expect("room");
    writer.publish();
    let (text, _) = dumped(&path, None, u64::MAX);
    assert!(text.contains("packet port 0 core 1 #4 from source 33 arrived at 0, 1 bytes: 78"), "{text}");

    let path = dir.path().join("group");
    GroupRecord::create(&path, 7, Birth::now(2, 5)).expect("created");
    let (text, result) = dumped(&path, None, u64::MAX);
    result.expect("whole");
    assert!(text.contains("group record, fingerprint 0x0000000000000007, 2 cores"), "{text}");
    assert!(text.contains("member 3 None"), "{text}");
}
