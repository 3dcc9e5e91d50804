//! The release rule (protocol 4).

use super::*;

#[test]
fn an_output_waits_for_the_other_cores_section_that_its_own_followed() {
    let (mut group, mut master) = Group::started(2);
    master.word(1, Word::write(0, 1)).emit(1, 5);
    assert_eq!(group.poll().released, 0, "core 0's section, which came first, is not there");
    master.word(0, Word::write(0, 0));
    group.poll();
    assert_eq!(group.sink.left, [(1, 1)]);
    assert_eq!(group.record.released(1).ordinal, 1);
}

#[test]
fn a_wide_section_counts_only_when_it_ends() {
    let (mut group, mut master) = Group::started(2);
    master.word(0, Word::write(0, 0).widen()).word(0, Word::write(1, 0));
    master.word(1, Word::write(1, 1)).emit(1, 1).word(1, Word::write(0, 1)).emit(1, 2);
    group.poll();
    assert_eq!(group.sink.of(1), [1], "the narrow section inside has closed, the wide one has not");
    master.word(0, Word::exit(0, 1));
    group.poll();
    assert_eq!(group.sink.of(1), [1, 2]);
}

#[test]
fn readers_wait_for_the_writer_and_a_writer_for_all_readers() {
    let (mut group, mut master) = Group::started(3);
    master.word(0, Word::write(2, 0)).emit(0, 1);
    master.word(2, Word::write(2, 3)).emit(2, 1);
    master.word(1, Word::read(2, 1)).emit(1, 1);
    group.poll();
    assert_eq!(group.sink.left, [(0, 1), (1, 1)], "two readers came between the writers, one is missing");
    master.word(0, Word::read(2, 1)).emit(0, 2);
    group.poll();
    assert_eq!(group.sink.of(2), [1]);
}

#[test]
fn a_draw_waits_for_all_its_words() {
    let (mut group, mut master) = Group::started(1);
    master.word(0, Word::draw(1, 2)).word(0, Word(7));
    group.poll();
    assert_eq!(group.ol.cursors(), [0]);
    master.word(0, Word(8)).emit(0, 1);
    group.poll();
    assert_eq!((group.ol.cursors(), group.sink.of(0)), (vec![3], vec![1]));
}

#[test]
fn nothing_leaves_before_its_determinants_and_its_input_are_stable() {
    let (mut group, mut master) = Group::started(1);
    group.logs.input[0].writer().expect("whole").append(1, 0, &[&[0; 100]]).expect("room");
    group.hidden.hide("det", 0, 1);
    group.hidden.hide("in", 0, 50);
    master.word(0, Word::write(0, 0)).emit_needing(0, 0, 1);
    master.word(0, Word::write(0, 1)).emit_needing(0, 0, 2);
    group.poll();
    assert_eq!(group.sink.of(0), [1], "the second word is not stable");
    group.hidden.deliver();
    group.hidden.hide("in", 0, 50);
    master.emit_needing(0, 60, 3).emit_needing(0, 0, 4);
    group.poll();
    assert_eq!(group.sink.of(0), [1, 2], "and what is behind an unstable one waits with it");
    group.hidden.deliver();
    let mut input = group.logs.input[0].writer().expect("whole");
    input.append(1, 0, &[&[0; 100]]).expect("room");
    input.publish();
    group.poll();
    assert_eq!(group.sink.of(0), [1, 2, 3, 4]);
}

#[test]
fn a_port_without_room_delays_and_loses_nothing() {
    let (mut group, mut master) = Group::started(2);
    for payload in 0..200 {
        master.emit(0, payload).emit(1, payload);
    }
    group.sink.room = Some(100);
    group.poll();
    assert_eq!((group.sink.left.len(), group.sink.flushed), (100, 100));
    assert!(!group.ol.has_news(), "what waits for a port is no news");
    group.sink.room = None;
    group.poll();
    assert_eq!((group.sink.of(0), group.sink.of(1)), ((1..=200).collect(), (1..=200).collect()));
}

#[test]
fn out_is_trimmed_behind_what_is_recorded() {
    let (mut group, mut master) = Group::started(1);
    master.emit(0, 1).emit(0, 2).word(0, Word::write(0, 5)).emit(0, 3);
    group.poll();
    let out = &group.logs.out[0][0];
    assert_eq!(group.record.released(0).ordinal, 2);
    assert_eq!(out.used(), out.tail() - out.trimmed());
    assert_eq!(out.used(), 8 + 88 + 8, "the frame that waits");
}

#[test]
fn a_gap_in_the_ordinals_is_an_error() {
    let (mut group, mut master) = Group::started(1);
    master.emit(0, 1);
    group.poll();
    master.ordinal[0] = 2;
    master.emit(0, 2);
    let error = group.ol.poll(&mut group.sink).unwrap_err();
    assert!(matches!(error, Error::OutOfSequence { core: 0, expected: 2, found: 3, .. }), "{error}");
}

#[test]
fn a_word_that_no_core_writes_is_an_error() {
    let (mut group, mut master) = Group::started(1);
    master.word(0, Word::write(VARIABLES, 0));
    assert!(matches!(group.ol.poll(&mut group.sink), Err(Error::Release(_))));
}

#[test]
fn each_output_that_leaves_is_counted_once_among_the_delays() {
    let (mut group, mut master) = Group::started(2);
    let before = group.record.now();
    master.word(0, Word::write(0, 0)).emit(0, 1).emit(0, 2);
    master.word(1, Word::write(0, 2)).emit(1, 1);
    group.poll();
    let delays = group.record.delays();
    assert_eq!(delays.count(), 2, "what waits is not counted");
    // The inputs of this test arrived at the group's zero.
    assert!(delays.sum() >= 2 * before && delays.sum() <= 2 * group.record.now(), "{delays:?}");
    group.poll();
    assert_eq!(group.record.delays(), delays);
}
