use etherparse::PacketBuilder;
use ftmb_runtime::frame::{InHeader, KIND_CONTROL, KIND_PACKET, split_in};
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::*;
use crate::group_dir::LogSizes;
use crate::group_record::Birth;

const CORES: usize = 3;

fn group() -> (GroupRecord, GroupLogs) {
    let record = GroupRecord::anonymous(Birth::now(CORES, 11)).expect("memory");
    (record, GroupLogs::anonymous(CORES, LogSizes::smallest(), 0).expect("memory"))
}

fn frame(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let from = [10, 0, (number % 7) as u8, 1];
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, [192, 0, 2, 1], 64).udp(1000, 2000);
    builder.write(&mut bytes, &vec![number as u8; length]).expect("fits");
    bytes
}

fn attach(record: &GroupRecord, logs: &GroupLogs) -> InputLogger {
    InputLogger::attach(record.clone(), logs, &[vec![PortId(0), PortId(1)], vec![PortId(2)]]).expect("whole logs")
}

/// Sources of a port object in all logs, per core; arrivals must not decrease.
fn stamped(logs: &GroupLogs, ports: std::ops::Range<u16>) -> Vec<Vec<u64>> {
    let of_core = |log: &ftmb_runtime::log::Log| {
        let (mut reader, mut sources, mut last) = (log.reader(0), Vec::new(), 0);
        while let Some(frame) = reader.next().expect("whole") {
            let (header, _) = split_in(frame.payload).expect("an input");
            assert!(header.arrival.get() >= last, "arrivals never decrease");
            last = header.arrival.get();
            if frame.kind == KIND_PACKET && ports.contains(&header.port.get()) {
                sources.push(header.source.get());
            }
        }
        sources
    };
    logs.input.iter().map(of_core).collect()
}

fn all(logs: &GroupLogs, ports: std::ops::Range<u16>) -> Vec<u64> {
    let mut sources = stamped(logs, ports).concat();
    sources.sort_unstable();
    sources
}

/// A port that keeps its frames: 1, 2, 3 ... of two objects.
fn offer(logger: &mut InputLogger, object: usize, from: u64, to: u64) {
    logger.begin_batch();
    for source in from..=to {
        let port = PortId(if object == 0 { (source % 2) as u16 } else { 2 });
        let bytes = frame(source + 100 * object as u64, 20);
        assert!(logger.take(object, true, Received { port, source, offload: Offload::default(), bytes: &bytes }));
    }
}

proptest! {
    #[test]
    fn wherever_it_is_killed_its_successor_neither_loses_nor_stamps_twice(
        kills in prop::collection::vec((0_u32..20, 1_u64..12), 0..12),
    ) {
        let (record, logs) = group();
        let total = 60;
        for (steps, batch) in kills {
            let mut logger = attach(&record, &logs);
            logger.steps_to_live = Some(steps);
            for _ in 0..2 {
                for object in 0..2 {
                    let from = logger.taken[object] + 1;
                    offer(&mut logger, object, from, (from + batch).min(total));
                }
                logger.publish();
            }
        }
        let mut logger = attach(&record, &logs);
        for object in 0..2 {
            let from = logger.resume_at(object, true);
            offer(&mut logger, object, from, total);
        }
        logger.publish();
        prop_assert_eq!(all(&logs, 0..2), (1..=total).collect::<Vec<_>>());
        prop_assert_eq!(all(&logs, 2..3), (1..=total).collect::<Vec<_>>());
        for sources in stamped(&logs, 0..2) {
            prop_assert!(sources.is_sorted(), "order within a core is the port's");
        }
    }
}

#[test]
fn marks_that_a_killed_logger_did_not_write_are_read_from_the_log() {
    let (record, logs) = group();
    let mut logger = attach(&record, &logs);
    offer(&mut logger, 0, 1, 10);
    for core in 0..CORES {
        logger.lanes[core].publish(); // and no marks, nothing in the record
    }
    drop(logger);
    let mut logger = attach(&record, &logs);
    assert_eq!(logger.resume_at(0, true), 1);
    offer(&mut logger, 0, 1, 12);
    logger.publish();
    assert_eq!(all(&logs, 0..2), (1..=12).collect::<Vec<_>>());
}

#[test]
fn a_full_log_holds_off_ports_that_keep_and_drops_at_the_door_of_others() {
    let (record, logs) = group();
    let mut logger = attach(&record, &logs);
    let bytes = frame(1, 1400);
    let mut source = 0;
    logger.begin_batch();
    let refused = loop {
        source += 1;
        if !logger.take(0, true, Received { port: PortId(0), source, offload: Offload::default(), bytes: &bytes }) {
            break source;
        }
    };
    assert!(logger.was_full() && !logger.was_full());
    assert!(logger.take(1, false, Received { port: PortId(2), source: 1, offload: Offload::default(), bytes: &bytes }));
    assert_eq!(record.stat(Stat::DroppedAtDoor), 1);
    logger.publish();
    assert_eq!(all(&logs, 0..2), (1..refused).collect::<Vec<_>>());
    let core = FlowHash::core(logger.hash.of(&bytes), CORES);
    assert!(logs.input[core].used() > logs.input[core].capacity() - 2000);
    logs.input[core].trim(logs.input[core].tail());
    assert!(logger.take(
        0,
        true,
        Received { port: PortId(0), source: refused, offload: Offload::default(), bytes: &bytes }
    ));
}

#[test]
fn much_is_published_before_the_batch_ends() {
    let (record, logs) = group();
    let mut logger = attach(&record, &logs);
    let bytes = frame(1, 1400);
    logger.begin_batch();
    for source in 1..=300 {
        assert!(logger.take(0, true, Received { port: PortId(0), source, offload: Offload::default(), bytes: &bytes }));
    }
    let core = FlowHash::core(logger.hash.of(&bytes), CORES);
    assert!(logs.input[core].tail() >= logs.input[core].capacity() / 4);
    assert_eq!(record.stamped(0), 0, "the batch is not complete");
}

#[test]
fn ticks_go_to_every_core_and_control_to_the_first() {
    let (record, logs) = group();
    let mut logger = attach(&record, &logs);
    assert!(logger.tick(1_000_000_000), "the first is due at once");
    assert!(!logger.tick(1_000_000_000));
    assert!(logger.control(77, b"request"));
    logger.publish();
    let kinds = |core: usize| {
        let (mut reader, mut kinds) = (logs.input[core].reader(0), Vec::new());
        while let Some(frame) = reader.next().expect("whole") {
            kinds.push((frame.kind, split_in(frame.payload).expect("an input").0.source.get()));
        }
        kinds
    };
    assert_eq!(kinds(0), [(KIND_TICK, 0), (KIND_CONTROL, 77)]);
    assert_eq!((kinds(1), kinds(2)), (vec![(KIND_TICK, 0)], vec![(KIND_TICK, 0)]));
}

#[test]
fn arrivals_do_not_go_back_when_the_clock_does() {
    let (record, logs) = group();
    let mut logger = attach(&record, &logs);
    logger.arrival = 1 << 60; // as if an earlier gateway had stamped with a clock far ahead
    offer(&mut logger, 0, 1, 20);
    logger.publish();
    let mut logger = attach(&record, &logs);
    assert_eq!(logger.arrival, 1 << 60);
    offer(&mut logger, 0, 21, 40);
    logger.publish();
    assert_eq!(all(&logs, 0..2).len(), 40);
}

#[test]
fn a_port_that_keeps_nothing_goes_on_behind_what_any_log_knows() {
    let (record, logs) = group();
    let mut logger = attach(&record, &logs);
    // Dies after the first log is published: the record does not know yet.
    logger.steps_to_live = Some(1);
    offer(&mut logger, 0, 1, 20);
    logger.publish();
    let logger = attach(&record, &logs);
    assert_eq!(record.stamped(0), 0);
    assert_eq!(logger.resume_at(0, true), 1, "what was not stamped is offered again");
    let last = all(&logs, 0..1).into_iter().max().expect("the first log is published");
    assert_eq!(logger.resume_at(0, false), last + 1, "a new frame is not taken for one that is stamped");
}

#[test]
fn many_long_control_requests_at_once_keep_no_successor_from_going_on() {
    let (record, logs) = group();
    let mut logger = attach(&record, &logs);
    let mut id = 0;
    while logger.control(id + 1, &vec![7; 60_000]) {
        id += 1;
    }
    logger.publish();
    // Everything is processed, and covered by a checkpoint; the next one is killed before it publishes anything.
    logs.input[0].trim(logs.input[0].tail());
    let mut next = attach(&record, &logs);
    let (last, tail) = (id, logs.input[0].tail());
    while logs.input[0].tail() == tail && next.control(id + 1, &vec![8; 60_000]) {
        id += 1;
    }
    drop(next);
    assert!(attach(&record, &logs).controlled() > last || logs.input[0].tail() == tail);
}

#[test]
fn a_log_that_is_one_long_batch_keeps_no_successor_from_going_on() {
    let (record, logs) = group();
    let mut writer = logs.input[0].writer().expect("empty");
    let mut last = 0;
    while writer
        .append(
            KIND_CONTROL,
            0,
            &[InHeader { source: (last + 1).into(), ..InHeader::default() }.as_bytes(), &[7; 60_000]],
        )
        .is_some()
    {
        last += 1;
    }
    writer.publish();
    let mut first = attach(&record, &logs);
    assert_eq!(first.controlled(), last);
    logs.input[0].trim(logs.input[0].tail());
    assert!((1..4).all(|more| first.control(last + more, &vec![8; 60_000])));
    drop(first);
    assert_eq!(attach(&record, &logs).controlled(), last);
}
