//! Output files that a predecessor left.

use proptest::prelude::*;

use super::super::format::file_header;
use super::*;

fn frames() -> Vec<Vec<u8>> {
    (0..6u8).map(|i| vec![i; 10 + 7 * usize::from(i)]).collect()
}

#[test]
fn a_file_torn_anywhere_is_continued_after_its_last_whole_record() {
    for engine in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let frames = frames();
        send_all(&mut PcapPort::open(ID, &PcapSpec::writing(file.path()), &options(engine)).unwrap(), &frames);
        let bytes = std::fs::read(file.path()).unwrap();
        for cut in 0..=bytes.len() {
            std::fs::write(file.path(), &bytes[..cut]).unwrap();
            let mut port = PcapPort::open(ID, &PcapSpec::writing(file.path()), &continuing(engine)).unwrap();
            let kept = (port.recorded() - 24) as usize;
            assert!(24 + kept <= cut.max(24));
            assert!(cut < 24 || cut - (24 + kept) < 16 + 45);
            send_all(&mut port, &frames);
            drop(port);
            let expected = [&bytes[..24 + kept], &bytes[24..]].concat();
            assert!(std::fs::read(file.path()).unwrap() == expected, "cut at {cut}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_yet_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new.pcap");
    drop(PcapPort::open(ID, &PcapSpec::writing(&path), &continuing(EngineChoice::Auto)).unwrap());
    assert_eq!(std::fs::read(path).unwrap(), file_header());
}

#[test]
fn a_file_of_somebody_else_is_refused_and_left_as_it_is() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let broken = [&file_header()[..], &[0xff; 16], b"what is this"].concat();
    let contents: [&[u8]; 4] =
        [b"notes, not packets", &Form::ALL[0].header(65_535, 1), b"\x4d\x3c\xb2\xa1\x02\x01", &broken];
    for bytes in contents {
        std::fs::write(file.path(), bytes).unwrap();
        let port = PcapPort::open(ID, &PcapSpec::writing(file.path()), &continuing(EngineChoice::Auto));
        let error = port.unwrap_err();
        assert!(
            matches!(error, PortError::ForeignOutput { .. } | PortError::RecordTooLong { offset: 24, .. }),
            "{error}"
        );
        assert_eq!(std::fs::read(file.path()).unwrap(), bytes);
    }
}

#[test]
fn without_continuing_the_file_is_replaced() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"something else").unwrap();
    drop(PcapPort::open(ID, &PcapSpec::writing(file.path()), &PcapOptions::default()).unwrap());
    assert_eq!(std::fs::read(file.path()).unwrap(), file_header());
}

#[test]
fn a_burst_sent_twice_is_recorded_the_same_twice() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let created = 1_700_000_000_123_456_789;
    for output in [OutputMode::Replace, OutputMode::Continue] {
        let options = PcapOptions { created, output, ..PcapOptions::default() };
        send_all(&mut PcapPort::open(ID, &PcapSpec::writing(file.path()), &options).unwrap(), &frames());
    }
    let bytes = std::fs::read(file.path()).unwrap();
    let (first, second) = bytes[24..].split_at((bytes.len() - 24) / 2);
    assert_eq!(first, second);
    assert_eq!(first[..8], [1_700_000_000u32.to_le_bytes(), 123_457_789u32.to_le_bytes()].concat());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic_whoever_continues_them(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [&file_header()[..], &tail].concat()).unwrap();
        if PcapPort::open(ID, &PcapSpec::writing(file.path()), &continuing(EngineChoice::Plain)).is_ok() {
            prop_assert!(std::fs::metadata(file.path()).unwrap().len() <= 24 + tail.len() as u64);
        }
    }
}
