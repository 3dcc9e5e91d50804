use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;

use super::*;
use crate::scenario::Missing;

/// What comes out must be what went in.
#[derive(Default)]
struct Echo {
    observed: u64,
}

impl Scenario for Echo {
    fn ports(&self) -> Vec<String> {
        vec!["left".into()]
    }
    fn next(&mut self, _: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        None
    }
    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
        self.observed += 1;
        assert_eq!(sent.number(), released.number());
        if sent.bytes() == released.bytes() { Ok(()) } else { Err(Contradiction::new("other bytes")) }
    }
    fn finish(&mut self) -> Missing {
        Missing { packets: 10 - self.observed, examples: Vec::new() }
    }
}

fn content(source: u64) -> Vec<u8> {
    format!("frame {source}").into_bytes()
}

/// A judge who has seen ten frames with the positions 1 to 10 being sent.
fn checker() -> Checker {
    let mut checker = Checker::new(Box::new(Echo::default()), FlowHash::new(1), 1);
    for source in 1..=10 {
        let frame = Frame::new(PortId(0), content(source), source);
        checker.sent(Sent { source, at: 100 * source, frame });
    }
    checker
}

fn deliver(checker: &mut Checker, ordinal: u64, source: u64, bytes: &[u8]) -> Option<u64> {
    let (port, offload) = (PortId(0), Offload::default());
    checker.delivered(&Delivered {
        port,
        core: 0,
        ordinal,
        source,
        arrival: 0,
        repeated: false,
        answer: false,
        offload,
        bytes,
    })
}

#[test]
fn what_comes_out_in_order_and_unchanged_is_fine() {
    let mut checker = checker();
    for source in 1..=10 {
        assert_eq!(deliver(&mut checker, source, source, &content(source)), Some(100 * source));
    }
    assert_eq!(checker.findings(), &Findings { released: 10, ..Findings::default() });
    assert_eq!(checker.finish().packets, 0);
}

#[test]
fn a_gap_is_noticed() {
    let mut checker = checker();
    deliver(&mut checker, 1, 1, &content(1));
    deliver(&mut checker, 4, 4, &content(4));
    let findings = checker.findings();
    assert_eq!((findings.released, findings.skipped, findings.duplicated), (2, 2, 0));
    assert_eq!(findings.told, ["core 0 output 4: follows output 1: 2 are missing between them"]);
}

#[test]
fn a_duplicate_is_noticed() {
    let mut checker = checker();
    for ordinal in [1, 2, 2] {
        deliver(&mut checker, ordinal, ordinal, &content(ordinal));
    }
    let findings = checker.findings();
    assert_eq!((findings.released, findings.duplicated, findings.repeated), (2, 1, 0));
    assert_eq!(findings.told, ["core 0 output 2: came out again, the same, after output 2"]);
}

#[test]
fn changed_bytes_an_input_out_of_order_and_one_never_sent_are_contradictions() {
    let mut checker = checker();
    assert_eq!(deliver(&mut checker, 1, 2, b"other"), None);
    deliver(&mut checker, 2, 1, &content(1));
    deliver(&mut checker, 3, 99, &content(99));
    let findings = checker.findings();
    assert_eq!(findings.contradicted, 3);
    assert_eq!(findings.told[0], "core 0 output 1: other bytes");
    assert!(findings.told[1].contains("stems from input 1, which this core did not get next"), "{findings:?}");
}

#[test]
fn after_a_gateway_died_one_identical_burst_may_come_again() {
    let mut checker = checker();
    for ordinal in 1..=4 {
        deliver(&mut checker, ordinal, ordinal, &content(ordinal));
    }
    checker.gateway_died();
    for ordinal in 2..=6 {
        deliver(&mut checker, ordinal, ordinal, &content(ordinal));
    }
    let findings = checker.findings();
    assert_eq!((findings.released, findings.repeated, findings.duplicated), (6, 3, 0));
    // but not a second time
    deliver(&mut checker, 6, 6, &content(6));
    assert_eq!(checker.findings().duplicated, 1);
}

#[test]
fn a_repeated_burst_with_other_bytes_is_no_repetition() {
    let mut checker = checker();
    deliver(&mut checker, 1, 1, &content(1));
    checker.gateway_died();
    deliver(&mut checker, 1, 1, b"other");
    let findings = checker.findings();
    assert_eq!((findings.repeated, findings.duplicated), (0, 1));
    assert_eq!(findings.told, ["core 0 output 1: came out again, different, after output 1"]);
}

#[test]
fn outputs_of_a_tick_and_of_a_core_that_is_not_there() {
    let mut checker = checker();
    assert_eq!(deliver(&mut checker, 1, 0, b"from a tick"), None);
    assert_eq!(checker.findings().released, 1);
    let stranger = Delivered {
        port: PortId(0),
        core: 9,
        ordinal: 1,
        source: 1,
        arrival: 0,
        repeated: false,
        answer: false,
        offload: Offload::default(),
        bytes: b"x",
    };
    checker.delivered(&stranger);
    assert_eq!(checker.findings().contradicted, 1);
}

#[test]
fn an_answer_to_an_operator_leaves_no_gap_and_is_no_packet() {
    let mut checker = checker();
    deliver(&mut checker, 1, 1, &content(1));
    let (port, offload) = (PortId(0), Offload::default());
    let answer = Delivered {
        port,
        core: 0,
        ordinal: 2,
        source: 1,
        arrival: 0,
        repeated: false,
        answer: true,
        offload,
        bytes: b"",
    };
    assert_eq!(checker.delivered(&answer), None);
    deliver(&mut checker, 3, 2, &content(2));
    assert_eq!(checker.findings(), &Findings { released: 2, ..Findings::default() });
}
