//! The port through its trait: what is written is read, refused frames come again, and a restart finds its place.

use std::fs::File;

use ftmb_runtime::offload::Checksum;
use proptest::prelude::*;

use super::*;

#[test]
fn a_frame_that_is_not_taken_is_offered_again_under_the_same_position() {
    for engine in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let frames: Vec<Vec<u8>> = (0..10u8).map(|i| vec![i; 30]).collect();
        send_all(&mut PcapPort::open(ID, &PcapSpec::writing(file.path()), &options(engine)).unwrap(), &frames);

        let mut port = PcapPort::open(ID, &flat(file.path()), &options(engine)).unwrap();
        let (mut taken, mut offered) = (Vec::new(), 0);
        while !port.exhausted() {
            let room = offered % 3;
            let mut left = room;
            port.receive(0, 8, &mut |frame| {
                offered += 1;
                if left == 0 {
                    return false;
                }
                left -= 1;
                taken.push((frame.source, frame.bytes.to_vec()));
                true
            })
            .unwrap();
            assert!(port.exhausted() || port.next_due().is_none_or(|due| due == 0));
        }
        assert_eq!(taken, numbered(&frames));
        assert!(offered > frames.len());
    }
}

#[test]
fn a_partial_checksum_is_recorded_completed_and_one_outside_the_frame_is_left_alone() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut port = PcapPort::open(ID, &PcapSpec::writing(file.path()), &options(EngineChoice::Plain)).unwrap();
    let bytes = [9, 9, 0x00, 0x10, 0x12, 0x34];
    for start in [2, 50] {
        let offload = Offload::new(Checksum::Partial { start, offset: 0 }, None);
        assert!(port.send(&Sent { offload, ..sent(1, &bytes) }).unwrap());
    }
    port.flush().unwrap();
    drop(port);
    let frames = read_file(file.path(), EngineChoice::Plain).unwrap();
    assert_eq!(frames, numbered(&[vec![9, 9, 0xed, 0xbb, 0x12, 0x34], bytes.to_vec()]));
}

#[test]
fn a_resumed_port_hands_out_everything_from_the_position_on() {
    for engine in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let frames: Vec<Vec<u8>> = (0..2_000u32).map(|i| i.to_le_bytes().repeat(1 + i as usize % 300)).collect();
        send_all(&mut PcapPort::open(ID, &PcapSpec::writing(file.path()), &options(engine)).unwrap(), &frames);
        let all = numbered(&frames);
        let mut port = PcapPort::open(ID, &flat(file.path()), &options(engine)).unwrap();
        for from in [0, 1, 2, 1_000, 7, 2_000, 2_001] {
            port.resume(from).unwrap();
            assert_eq!(receive_all(&mut port, 50).unwrap(), all[(from as usize).saturating_sub(1)..], "{from}");
            port.stamped(2_001);
        }
        assert!(matches!(port.resume(2_003), Err(PortError::ResumePastEnd { expected: 2_003, found: 2_000, .. })));
    }
}

#[test]
fn a_port_without_input_is_exhausted_and_one_without_output_discards() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut port = PcapPort::open(ID, &PcapSpec::writing(file.path()), &PcapOptions::default()).unwrap();
    assert!(port.exhausted() && port.keeps());
    assert_eq!(port.receive(0, 8, &mut |_| panic!("nothing to receive")).unwrap(), 0);
    port.resume(17).unwrap();
    assert_eq!((port.next_due(), port.recorded()), (None, 24));
    drop(port);

    let mut port = PcapPort::open(ID, &flat(file.path()), &PcapOptions::default()).unwrap();
    assert!(port.send(&sent(1, b"nowhere")).unwrap());
    port.flush().unwrap();
    assert_eq!((port.recorded(), std::fs::metadata(file.path()).unwrap().len()), (0, 24));
}

#[test]
fn flushed_frames_are_seen_by_others_at_once() {
    for engine in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut port = PcapPort::open(ID, &PcapSpec::writing(file.path()), &options(engine)).unwrap();
        for ordinal in 1..50 {
            port.send(&sent(ordinal, &[9; 60])).unwrap();
            port.flush().unwrap();
            let length = std::fs::metadata(file.path()).unwrap().len();
            assert_eq!((length, port.recorded()), (24 + ordinal * 76, 24 + ordinal * 76));
        }
    }
}

#[test]
fn one_file_has_one_writer_and_no_reader_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.pcap");
    let options = PcapOptions::default();
    let writer = PcapPort::open(ID, &PcapSpec::writing(&path), &options).unwrap();
    let second = PcapPort::open(ID, &PcapSpec::writing(&path), &options);
    assert!(matches!(second, Err(PortError::InUse { .. })));
    assert!(matches!(PcapPort::open(ID, &flat(&path), &options), Err(PortError::InUse { .. })));
    drop(writer);
    let itself = flat(&path).with_output(&path);
    assert!(matches!(PcapPort::open(ID, &itself, &options), Err(PortError::InUse { .. })));
    let readers = [(); 2].map(|()| PcapPort::open(ID, &flat(&path), &options).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 24, "a refused writer changes nothing");
    drop(readers);
}

#[test]
fn what_is_not_a_regular_file_is_refused_without_blocking() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    for spec in [flat(&pipe), PcapSpec::writing(&pipe), flat(directory.path()), PcapSpec::writing("/dev/null")] {
        let error = PcapPort::open(ID, &spec, &PcapOptions::default()).unwrap_err();
        assert!(matches!(error, PortError::NotAFile { .. }), "{error}");
    }
    let missing = PcapPort::open(ID, &flat(&directory.path().join("none")), &PcapOptions::default()).unwrap_err();
    assert!(matches!(missing, PortError::Io { doing: "open", .. }));
}

#[test]
fn a_frame_beyond_the_snap_length_is_refused_and_not_cut() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut port = PcapPort::open(ID, &PcapSpec::writing(file.path()), &PcapOptions::default()).unwrap();
    assert!(port.send(&sent(1, &[1; 262_144])).unwrap());
    let error = port.send(&sent(2, &[1; 262_145])).unwrap_err();
    assert!(matches!(error, PortError::FrameTooLong { limit: 262_144, found: 262_145, .. }));
    port.flush().unwrap();
    assert_eq!(std::fs::metadata(file.path()).unwrap().len(), 24 + 16 + 262_144);
}

#[test]
fn what_a_file_gains_after_it_was_opened_is_left_for_the_next_time() {
    let file = tempfile::NamedTempFile::new().unwrap();
    send_all(&mut PcapPort::open(ID, &PcapSpec::writing(file.path()), &PcapOptions::default()).unwrap(), &[vec![1; 9]]);
    let mut port = PcapPort::open(ID, &flat(file.path()), &PcapOptions::default()).unwrap();
    let mut whole = std::fs::read(file.path()).unwrap();
    whole.extend_from_within(24..);
    std::fs::write(file.path(), &whole).unwrap();
    assert_eq!(receive_all(&mut port, 4).unwrap().len(), 1);
    assert_eq!(read_file(file.path(), EngineChoice::Auto).unwrap().len(), 2);
}

#[test]
fn a_file_that_shrinks_under_the_reader_is_an_error() {
    for engine in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let frames = vec![vec![1; 1_000]; 100];
        send_all(&mut PcapPort::open(ID, &PcapSpec::writing(file.path()), &options(engine)).unwrap(), &frames);
        let mut port = PcapPort::open(ID, &flat(file.path()), &options(engine)).unwrap();
        File::options().write(true).open(file.path()).unwrap().set_len(24 + 1_016 * 50).unwrap();
        let error = receive_all(&mut port, 8).unwrap_err();
        assert!(matches!(error, PortError::Shrank { expected: 101_624, found: 50_824, .. }), "{error}");
        assert!(!port.exhausted());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        frames in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..100),
                (any::<u8>(), 1_000usize..65_000).prop_map(|(byte, length)| vec![byte; length]),
            ],
            0..60,
        ),
        created in any::<u64>(),
    ) {
        for engine in engines() {
            let file = tempfile::NamedTempFile::new().unwrap();
            let options = PcapOptions { created, ..options(engine) };
            let mut port = PcapPort::open(ID, &PcapSpec::writing(file.path()), &options).unwrap();
            send_all(&mut port, &frames);
            drop(port);
            prop_assert_eq!(read_file(file.path(), engine).unwrap(), numbered(&frames));
        }
    }
}
