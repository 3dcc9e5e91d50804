//! That counts are right, and that the scenario notices when they are not.

use ftmb::prelude::*;

use crate::{
    middlebox::{Monitor, MonitorConfig, report::Report},
    scenario::MonitorScenario,
    traffic::driver::{self, Single},
};

fn monitor() -> Single<Monitor> {
    Single::new(|| Monitor::new(MonitorConfig::default(), PortId(0), PortId(1)))
}

fn processor() -> impl FnMut(&Frame) -> Vec<Frame> {
    let mut group = monitor();
    move |frame| group.process(frame)
}

#[test]
fn a_crash_loses_repeats_and_contradicts_nothing() {
    driver::assert_survives::<_, MonitorScenario>(|| Monitor::new(MonitorConfig::default(), PortId(0), PortId(1)));
}

#[test]
fn a_run_without_faults_has_no_contradiction_and_nothing_missing() {
    let mut answers = Vec::new();
    let outcome = driver::run(&mut MonitorScenario::default(), 60_000, processor(), |_, _, sent, out| {
        answers.extend(Report::read(out.bytes()));
        Some((sent, out))
    });
    assert_eq!((outcome.contradiction, outcome.missing.packets), (None, 0));
    assert!(answers.len() > 8, "{}", answers.len());
    let (_, last) = &answers[answers.len() - 1];
    assert!(last.packets > 50_000 && last.top.len() == 16, "{last:?}");
    // the list has the flows that have many packets, and the table has their exact counts
    assert!(last.top[..6].iter().all(|(_, tally)| tally.packets > last.packets / 64), "{last:?}");
}

#[test]
fn a_lost_a_repeated_and_an_altered_packet_are_noticed() {
    driver::assert_faults_are_noticed::<MonitorScenario>(processor());
}

#[test]
fn a_monitor_that_loses_counts_is_noticed() {
    let mut group = monitor();
    let mut count = 0;
    let process = |frame: &Frame| {
        count += 1;
        if count == 10_100 {
            group = monitor();
        }
        group.process(frame)
    };
    let outcome = driver::run(&mut MonitorScenario::default(), 20_000, process, driver::honest);
    assert!(outcome.contradiction.unwrap().contains("told before"));
}

#[test]
fn a_monitor_that_counts_twice_is_noticed() {
    let mut inner = processor();
    let process = |frame: &Frame| {
        inner(frame);
        inner(frame)
    };
    let outcome = driver::run(&mut MonitorScenario::default(), 20_000, process, driver::honest);
    assert!(outcome.contradiction.is_some());
}
