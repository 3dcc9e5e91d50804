//! The pace of a port, by a clock that only the test moves.

use super::super::super::Pace;
use super::*;

/// A capture of four frames at 0, 10, 10 and 40 us.
fn capture() -> tempfile::NamedTempFile {
    let form = Form { big_endian: false, nanoseconds: false };
    let at = |fraction| form.record(1_700_000_000, fraction, &[fraction as u8; 14]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [form.header(0, 1), at(500_000), at(500_010), at(500_010), at(500_040)].concat())
        .unwrap();
    file
}

fn open(file: &tempfile::NamedTempFile, pace: Pace) -> PcapPort {
    let spec = PcapSpec::reading(file.path()).with_pace(pace);
    PcapPort::open(ID, &spec, &options(EngineChoice::Plain)).unwrap()
}

fn at(port: &mut PcapPort, now: u64) -> (usize, Option<u64>) {
    (port.receive(now, 32, &mut |_| true).unwrap(), port.next_due())
}

#[test]
fn timestamps_decide_when_a_frame_is_due() {
    let file = capture();
    let mut port = open(&file, Pace::Timestamps);
    assert_eq!(port.next_due(), None);
    assert_eq!(at(&mut port, 7_000), (1, Some(17_000)));
    assert_eq!(at(&mut port, 16_999), (0, Some(17_000)));
    assert_eq!(at(&mut port, 17_000), (2, Some(47_000)));
    assert!(!port.exhausted());
    assert_eq!(at(&mut port, 90_000), (1, None));
    assert!(port.exhausted());
}

#[test]
fn a_rate_decides_when_a_frame_is_due_and_delays_are_made_up_for() {
    let file = capture();
    let mut port = open(&file, Pace::Rate(1_000_000.try_into().unwrap()));
    assert_eq!(at(&mut port, 50), (1, Some(1_050)));
    assert_eq!(at(&mut port, 2_500), (2, Some(3_050)));
    assert_eq!(at(&mut port, 3_050), (1, None));
}

#[test]
fn flat_out_only_the_taker_limits() {
    let file = capture();
    let mut port = open(&file, Pace::Flat);
    assert_eq!(port.receive(9, 3, &mut |_| true).unwrap(), 3);
    assert_eq!(port.next_due(), Some(9));
    assert!(!port.exhausted());
    assert_eq!(at(&mut port, 9), (1, None));
    assert!(port.exhausted());
}

#[test]
fn a_frame_that_was_not_taken_stays_due() {
    let file = capture();
    let mut port = open(&file, Pace::Timestamps);
    assert_eq!(port.receive(100, 32, &mut |_| false).unwrap(), 0);
    assert_eq!(port.next_due(), Some(100));
    assert_eq!(at(&mut port, 10_100), (3, Some(40_100)));
}

#[test]
fn after_a_resume_the_pace_starts_anew_at_the_frame_resumed_at() {
    let file = capture();
    let mut port = open(&file, Pace::Timestamps);
    assert_eq!(at(&mut port, 0), (1, Some(10_000)));
    port.resume(3).unwrap();
    assert_eq!(port.next_due(), None);
    assert_eq!(at(&mut port, 1_000_000), (1, Some(1_030_000)));
}
