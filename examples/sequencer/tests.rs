//! That stamps are right, and that the scenario notices when they are not.

use ftmb::prelude::*;

use crate::{
    middlebox::Sequencer,
    scenario::SequencerScenario,
    traffic::driver::{self, Single},
};

fn processor() -> impl FnMut(&Frame) -> Vec<Frame> {
    let mut group = Single::new(|| Sequencer::new(PortId(0), PortId(1)));
    move |frame| group.process(frame)
}

#[test]
fn a_crash_loses_repeats_and_contradicts_nothing() {
    driver::assert_survives::<_, SequencerScenario>(|| Sequencer::new(PortId(0), PortId(1)));
}

#[test]
fn a_run_without_faults_has_no_contradiction_and_nothing_missing() {
    driver::assert_clean::<SequencerScenario>(30_000, 29_000, processor());
}

#[test]
fn a_lost_a_repeated_and_an_altered_packet_are_noticed() {
    driver::assert_faults_are_noticed::<SequencerScenario>(processor());
}

#[test]
fn a_counter_that_falls_back_is_noticed_even_if_no_stamp_comes_out_twice() {
    // the second counter starts behind what has come out; what the first one stamped last never comes out
    let (mut first, mut second) = (processor(), processor());
    let mut count = 0;
    let process = |frame: &Frame| {
        count += 1;
        if count <= 5000 { first(frame) } else { second(frame) }
    };
    let outcome = driver::run(&mut SequencerScenario::default(), 6000, process, |_, n, sent, out| {
        (!(2000..4500).contains(&n)).then_some((sent, out))
    });
    assert!(outcome.contradiction.is_some(), "{:?}", outcome.missing);
}

#[test]
fn a_number_that_no_packet_has_is_noticed() {
    let mut inner = processor();
    let mut count = 0;
    let process = |frame: &Frame| {
        count += 1;
        if count == 5000 {
            inner(frame);
        }
        inner(frame)
    };
    let outcome = driver::run(&mut SequencerScenario::default(), 6000, process, driver::honest);
    assert!(outcome.contradiction.is_some() || !outcome.missing.examples.is_empty());
}
