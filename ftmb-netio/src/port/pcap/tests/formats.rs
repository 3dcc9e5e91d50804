//! What a capture may look like, and every way in which it may not.

use proptest::prelude::*;

use super::super::super::{MAX_FRAME, Truncated};
use super::super::format::{FILE_HEADER, Format, RecordHeader};
use super::*;

/// Writes `bytes` to a file and reads it as a capture with each engine; all must agree.
fn read(bytes: &[u8]) -> Result<Vec<Frame>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let results = engines().into_iter().map(|engine| read_file(file.path(), engine).map_err(|e| format!("{e:?}")));
    let results: Vec<_> = results.collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{results:?}");
    results.into_iter().next().unwrap()
}

fn refused(bytes: &[u8]) -> PortError {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let error = read_file(file.path(), EngineChoice::Auto).unwrap_err();
    assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
    error
}

#[test]
fn both_byte_orders_and_both_resolutions_are_read() {
    for form in Form::ALL {
        let bytes = [form.header(65_535, 1), form.record(1, 5, b"first"), form.record(2, 6, b"second")].concat();
        assert_eq!(read(&bytes).unwrap(), numbered(&[b"first".to_vec(), b"second".to_vec()]), "{form:?}");

        let format = Format::parse(Path::new("x"), &bytes).unwrap();
        let record = format.record(bytes[24..].first_chunk().unwrap());
        let timestamp = if form.nanoseconds { 1_000_000_005 } else { 1_000_005_000 };
        assert_eq!(record, RecordHeader { timestamp, length: 5, wire: 5 });
    }
}

#[test]
fn a_capture_without_records_is_exhausted_at_once() {
    assert_eq!(read(&Form::ALL[0].header(0, 1)).unwrap(), []);
}

#[test]
fn a_snap_length_of_zero_limits_nothing() {
    let form = Form::ALL[1];
    let bytes = [form.header(0, 1), form.record(0, 0, &[7; MAX_FRAME])].concat();
    assert_eq!(read(&bytes).unwrap()[0].1.len(), MAX_FRAME);
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let header = |form: Form| form.header(65_535, 1);
    assert!(matches!(refused(b""), PortError::CutShort { part: Truncated::FileHeader, found: 0, .. }));
    assert!(matches!(refused(b"\xd4\xc3"), PortError::CutShort { part: Truncated::FileHeader, found: 2, .. }));
    assert!(matches!(
        refused(&header(Form::ALL[3])[..23]),
        PortError::CutShort { part: Truncated::FileHeader, expected: 24, found: 23, .. }
    ));
    assert!(matches!(refused(b"\x0a\x0d\x0d\x0a...."), PortError::PcapNg { .. }));
    assert!(matches!(refused(b"not a capture"), PortError::Magic { found: 0x2074_6f6e, .. }));
    for form in Form::ALL {
        assert!(matches!(refused(&form.header(65_535, 113)), PortError::LinkType { found: 113, .. }));
        let checked = 0x5400_0001;
        assert!(
            matches!(refused(&form.header(65_535, checked)), PortError::LinkType { found, .. } if found == checked)
        );
        let mut old = header(form);
        old[if form.big_endian { 7 } else { 6 }] = 3;
        assert!(matches!(refused(&old), PortError::Version { found: (2, 3), .. }));
    }
    assert!(refused(b"\x0a\x0d\x0d\x0a").to_string().contains("editcap"));
}

#[test]
fn a_record_longer_than_the_snap_length_or_a_frame_is_refused_where_it_stands() {
    for form in Form::ALL {
        let small = [form.header(8, 1), form.record(0, 0, &[1; 8]), form.record(0, 0, &[1; 9])].concat();
        assert!(matches!(refused(&small), PortError::RecordTooLong { offset: 48, limit: 8, found: 9, .. }));
        let large = [form.header(262_144, 1), form.record(0, 0, &[1; MAX_FRAME + 1])].concat();
        let limit = MAX_FRAME as u32;
        assert!(
            matches!(refused(&large), PortError::RecordTooLong { offset: 24, limit: l, found, .. } if l == limit && found == limit + 1)
        );
    }
}

#[test]
fn a_capture_cut_anywhere_gives_its_whole_frames_and_then_says_where_it_is_cut() {
    let form = Form::ALL[1];
    let frames: Vec<Vec<u8>> = (0..4u8).map(|i| vec![i; 20 + usize::from(i)]).collect();
    let mut bytes = form.header(0, 1);
    let mut ends = vec![bytes.len()];
    for frame in &frames {
        bytes.extend(form.record(0, 0, frame));
        ends.push(bytes.len());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    for cut in FILE_HEADER..=bytes.len() {
        std::fs::write(file.path(), &bytes[..cut]).unwrap();
        let whole = ends.iter().filter(|&&end| end <= cut).count() - 1;
        let mut port = PcapPort::open(ID, &flat(file.path()), &PcapOptions::default()).unwrap();
        let mut seen = Vec::new();
        let error = loop {
            let received = port.receive(0, 32, &mut |frame| {
                seen.push(frame.bytes.to_vec());
                true
            });
            match received {
                Err(error) => break Some(error),
                Ok(_) if port.exhausted() => break None,
                Ok(_) => {}
            }
        };
        assert_eq!(seen, frames[..whole]);
        let left = (cut - ends[whole]) as u64;
        match error {
            None => assert_eq!(left, 0),
            Some(PortError::CutShort { part: Truncated::RecordHeader, offset, expected: 16, found, .. }) => {
                assert_eq!((offset, found), (ends[whole] as u64, left));
                assert!(left < 16);
            }
            Some(PortError::CutShort { part: Truncated::Record, offset, expected, found, .. }) => {
                assert_eq!((offset, found), (ends[whole] as u64 + 16, left - 16));
                assert_eq!(expected, frames[whole].len() as u64);
            }
            Some(error) => panic!("{error}"),
        }
        // It says so again, and never claims the end.
        assert_eq!(port.receive(0, 32, &mut |_| true).is_err(), left > 0);
        assert_eq!(port.exhausted(), left == 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_never_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn arbitrary_bytes_behind_a_good_header_never_panic_the_reader(
        form in prop::sample::select(Form::ALL.to_vec()),
        snap in prop_oneof![Just(0u32), 1u32..70_000, any::<u32>()],
        lengths in prop::collection::vec(prop_oneof![0u32..40, any::<u32>()], 0..6),
        tail in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut bytes = form.header(snap, 1);
        for length in lengths {
            bytes.extend(form.words(&[u32::MAX, u32::MAX, length, 0]));
            bytes.extend(std::iter::repeat_n(1, length.min(40) as usize));
        }
        bytes.extend(tail);
        let _ = read(&bytes);
    }

    #[test]
    fn a_flipped_byte_never_panics_the_reader(
        form in prop::sample::select(Form::ALL.to_vec()), at in 0usize..120, flip in 1u8..,
    ) {
        let mut bytes = [form.header(100, 1), form.record(1, 2, &[3; 40]), form.record(1, 3, &[4; 24])].concat();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let _ = read(&bytes);
    }
}
