//! Checkpoint, cut, activation, restart (protocol 5 and 6).

use super::*;

/// Core 0 writes v0, core 1 reads it; `n` rounds, an output each.
fn rounds(master: &mut Master, from: u32, n: u32) {
    for round in from..from + n {
        master.word(0, Word::write(0, 2 * round)).emit(0, round.into());
        master.word(1, Word::read(0, 2 * round + 1)).emit(1, (1000 + round).into());
    }
}

#[test]
fn what_was_released_is_made_again_and_suppressed_and_the_rest_leaves_once() {
    let (mut group, mut master) = Group::started(2);
    rounds(&mut master, 0, 5);
    group.sink.room = Some(6);
    group.poll();
    group.sink.room = None;
    let epoch = group.take_over();
    assert_eq!(epoch.from, Some(Origin { epoch: 1, set: 0 }));
    assert_eq!((epoch.set, epoch.base, epoch.cores[1].cut_det), (1, Some(0), 5));
    assert!(!group.record.is_active());
    let before = group.sink.left.len();

    let mut master = Master::of(&group);
    rounds(&mut master, 0, 4);
    group.poll();
    assert!(!group.record.is_active(), "the cut is not reached");
    assert_eq!(group.sink.left.len(), before, "nothing new leaves before");
    rounds(&mut master, 4, 3);
    assert!(group.poll().activated);
    assert_eq!((group.sink.of(0), group.sink.of(1)), ((1..=7).collect(), (1..=7).collect()));
    assert_eq!(group.record.released(0).epoch, 2);
}

#[test]
fn an_undelivered_suffix_is_not_in_the_cut() {
    let (mut group, mut master) = Group::started(2);
    rounds(&mut master, 0, 4);
    group.hidden.hide("det", 0, 2);
    group.hidden.hide("out", 1, 1);
    let epoch = group.take_over();
    // Core 1's third read needs core 0's third write, which is lost.
    assert_eq!((epoch.cores[0].cut_det, epoch.cores[1].cut_det), (2, 2));
    assert_eq!((epoch.cores[0].closing_det, epoch.cores[1].closing_det), (2, 4));
    assert_eq!((group.sink.of(0), group.sink.of(1)), (vec![1, 2], vec![]));

    // The new master does something else after the cut.
    let mut master = Master::of(&group);
    rounds(&mut master, 0, 2);
    master.word(1, Word::write(0, 4)).emit(1, 77);
    assert!(group.poll().activated);
    assert_eq!((group.sink.of(0), group.sink.of(1)), (vec![1, 2], vec![1, 2, 3]));
}

#[test]
fn an_output_made_again_differently_is_reported() {
    let (mut group, mut master) = Group::started(1);
    master.word(0, Word::write(0, 0)).emit(0, 1).emit(0, 2);
    group.poll();
    group.take_over();
    let mut master = Master::of(&group);
    master.word(0, Word::write(0, 0)).emit(0, 1).emit(0, 3);
    let error = group.ol.poll(&mut group.sink).unwrap_err();
    assert!(matches!(error, Error::Divergence { core: 0, ordinal: 2, .. }), "{error}");
    assert!(error.is_final());
}

#[test]
fn a_takeover_that_dies_before_it_is_active_is_repeated_from_the_old_epoch() {
    let (mut group, mut master) = Group::started(2);
    rounds(&mut master, 0, 3);
    group.poll();
    let second = group.take_over();
    let mut master = Master::of(&group);
    rounds(&mut master, 0, 2);
    group.poll();
    let third = group.take_over();
    assert_eq!(third, EpochRecord { number: 3, closing_ckpt: 0, ..second });
    assert_eq!(group.logs.det[0][1].tail(), 0, "the new logs are discarded");
    let mut master = Master::of(&group);
    rounds(&mut master, 0, 4);
    assert!(group.poll().activated);
    let fourth = group.take_over();
    assert_eq!((fourth.from, fourth.set), (Some(Origin { epoch: 3, set: 1 }), 0));
    assert_eq!(group.sink.of(1), [1, 2, 3, 4]);
    // Nobody reads a set of logs that is emptied: the one of epoch 2, which was not active, and the one that epoch 1 had used.
    assert_eq!(group.hidden.gone(), [0, 0, 2, 1]);
}

#[test]
fn recovery_starts_at_the_checkpoint_and_after_a_takeover_without_one_at_the_new_logs_beginning() {
    let (mut group, mut master) = Group::started(2);
    rounds(&mut master, 0, 3);
    group.poll();
    let delta = master.checkpoint(&group, &[(0, 6, 5)]);
    group.commit(&delta);
    assert_eq!((group.logs.det[0][0].used(), group.record.committed()), (0, Some(1)));
    rounds(&mut master, 3, 2);
    let second = group.take_over();
    assert_eq!((second.cores[0].start_det, second.cores[0].cut_det, second.base), (3, 5, Some(1)));

    let mut master = Master::of(&group);
    rounds(&mut master, 3, 3);
    assert!(group.poll().activated);
    let third = group.take_over();
    assert_eq!((third.cores[0].start_det, third.cores[0].cut_det, third.base), (0, 3, Some(1)));
    let mut master = Master::of(&group);
    rounds(&mut master, 3, 4);
    assert!(group.poll().activated);
    let delta = master.checkpoint(&group, &[(0, 14, 13)]);
    group.commit(&delta);
    assert_eq!(group.sink.of(0), (1..=7).collect::<Vec<_>>());
}

#[test]
fn no_checkpoint_is_covered_before_its_outputs_have_left_or_in_an_inactive_epoch() {
    let (mut group, mut master) = Group::started(2);
    rounds(&mut master, 0, 3);
    let delta = master.checkpoint(&group, &[(0, 6, 5)]);
    group.sink.room = Some(5);
    group.poll();
    assert!(!group.ol.covers(delta.head()), "one output has not left");
    group.sink.room = None;
    group.poll();
    assert!(group.ol.covers(delta.head()));
    group.take_over();
    assert!(!group.ol.covers(delta.head()), "a delta of a fenced epoch");
    let mut master = Master::of(&group);
    rounds(&mut master, 0, 2);
    group.poll();
    assert!(!group.ol.covers(master.checkpoint(&group, &[]).head()), "not active");
}

#[test]
fn a_restarted_logger_goes_on_wherever_its_predecessor_stopped() {
    for stop in 0..12 {
        let (mut group, mut master) = Group::started(2);
        rounds(&mut master, 0, 3);
        group.poll();
        group.commit(&master.checkpoint(&group, &[(0, 6, 5)]));
        rounds(&mut master, 3, 2);
        group.sink.room = Some(stop);
        group.poll();
        group.restart();
        group.sink.room = None;
        // It must reach the same cut as its predecessor would have.
        let epoch = group.take_over();
        assert_eq!((epoch.cores[0].cut_det, epoch.cores[1].cut_det), (5, 5));
        group.restart();
        let mut master = Master::of(&group);
        rounds(&mut master, 3, 1);
        group.poll();
        group.restart();
        rounds(&mut master, 4, 3);
        group.poll();
        group.restart();
        rounds(&mut master, 7, 1);
        group.poll();
        assert!(group.record.is_active());
        assert_eq!((group.sink.of(0), group.sink.of(1)), ((1..=8).collect(), (1..=8).collect()), "stop {stop}");
    }
}

#[test]
fn a_logger_killed_between_send_and_record_repeats_at_most_one_burst_identically() {
    let (mut group, mut master) = Group::started(1);
    for payload in 0..(BURST as u64 + 20) {
        master.emit(0, payload);
    }
    let lane = &mut group.ol.reign.as_mut().expect("begun").lanes[0];
    lane.release(0, u64::MAX, true, BURST, &mut group.sink).expect("sound"); // and dies
    group.restart();
    group.poll();
    let expected: Vec<_> = (1..=BURST as u64).chain(1..=BURST as u64 + 20).collect();
    assert_eq!(group.sink.of(0), expected);
}

#[test]
fn a_group_whose_master_dies_before_checkpoint_0_starts_afresh() {
    let record = GroupRecord::anonymous(Birth::now(1, 0)).expect("memory");
    let logs = GroupLogs::anonymous(1, LogSizes::smallest(), 0).expect("memory");
    let hidden = Hidden::default();
    let ol = OutputLogger::new(record.clone(), logs.clone(), Box::new(hidden.clone()), None).expect("fresh");
    let mut group = Group { record, logs, hidden, ol, sink: Sink::default() };
    assert_eq!(group.take_over().number, 1);
    let second = group.take_over();
    assert_eq!((second.number, second.from, second.base), (2, None, None));
    assert!(group.record.is_active());
    let mut master = Master::of(&group);
    group.commit(&master.checkpoint(&group, &[]));
    master.word(0, Word::write(0, 0)).emit(0, 1);
    group.poll();
    assert_eq!((group.sink.of(0), group.record.released(0).epoch), (vec![1], 2));
}

#[test]
fn a_checkpoint_of_another_number_is_not_a_base() {
    let (group, _) = Group::started(1);
    let base = Base { number: 3, ..group.ol.base().expect("committed").clone() };
    let wrong = OutputLogger::new(group.record.clone(), group.logs.clone(), Box::new(OneHost), Some(base));
    assert!(matches!(wrong, Err(Error::Base { what: "number + 1", expected: 1, found: 4 })));
}
