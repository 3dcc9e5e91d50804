//! Who waits for the disk, and who does not.

use super::*;

fn sync(config: &mut JournalConfig) {
    config.durability = Durability::Sync;
}

#[test]
fn nothing_leaves_before_what_it_depends_on_is_on_the_disk() {
    let mut scene = Scene::new(2, sync);
    scene.settle();
    scene.will.hold(true);
    scene.packet(0, Word::write(0, 0));
    scene.packet(1, Word::write(0, 1));
    for _ in 0..50 {
        assert_eq!(scene.left(), 0);
        std::thread::sleep(Duration::from_millis(1));
    }
    scene.will.hold(false);
    scene.wait("both outputs", |scene| scene.left() == 2);
}

#[test]
fn without_sync_outputs_leave_at_once_but_nothing_is_trimmed_that_the_disk_lacks() {
    let mut scene = Scene::new(1, |_| ());
    scene.settle();
    scene.will.hold(true);
    // One batch may be under way already.
    scene.packet(0, Word::write(0, 0));
    assert_eq!(scene.left(), 1);
    let (_, head) = scene.stage(&[(0, 1, 1)]);
    for _ in 0..20 {
        assert!(!scene.group.ol.covers(&head), "a checkpoint is not committed before the disk has it");
        std::thread::sleep(Duration::from_millis(1));
    }
    scene.will.hold(false);
    scene.wait("the checkpoint", |scene| scene.group.ol.covers(&head));
    scene.settle();
    scene.will.hold(true);
    let holder = scene.journal().holder();
    let before = scene.group.logs.input[0].tail();
    scene.packet(0, Word::write(0, 1));
    scene.left();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(1));
        assert!(holder.need_input(0) <= before && holder.need_det(0, 1) <= 1);
    }
    scene.group.ol.commit(&head).unwrap();
    assert!(scene.group.ol.trim(), "the checkpoint is older than what the disk lacks");
    assert!(scene.group.logs.input[0].trimmed() <= before);
    scene.will.hold(false);
    let tail = scene.group.logs.input[0].tail();
    scene.wait("the disk", |_| holder.need_input(0) == tail && holder.need_det(0, 1) == 2);
}

#[test]
fn nothing_new_of_an_epoch_leaves_before_the_disk_knows_that_it_is_active() {
    let mut scene = Scene::new(1, sync);
    scene.packet(0, Word::write(0, 0));
    scene.wait("the output", |scene| scene.left() == 1);
    scene.checkpoint(&[(0, 1, 1)]);
    let need = scene.input(0, 100);
    scene.settle();
    // Nothing is to be made again: the new epoch is active as soon as it is looked at.
    scene.will.hold(true);
    scene.group.take_over();
    scene.master = Master::of(&scene.group);
    // What it stems from is on the disk, and it follows no access.
    scene.master.emit_needing(0, need, 7);
    for _ in 0..50 {
        assert_eq!(scene.left(), 1);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(scene.group.record.is_active());
    scene.will.hold(false);
    scene.wait("the new epoch's output", |scene| scene.left() == 2);
    assert_eq!(scene.journal().shared.state().active, 2);
}

#[test]
fn a_takeover_waits_for_nobody_and_empties_no_log_that_is_read() {
    let mut scene = Scene::new(2, sync);
    for round in 0..20 {
        for core in 0..2 {
            scene.packet(core, Word::write(core as u32, round));
        }
        scene.wait("the outputs", |scene| scene.left() == 2 * (round as usize + 1));
        scene.checkpoint(&[(0, round + 1, round + 1), (1, round + 1, round + 1)]);
        scene.group.take_over();
        scene.master = Master::of(&scene.group);
    }
    scene.wait("the last epoch", |scene| scene.left() == 40 && scene.group.record.is_active());
    scene.settle();
    assert_eq!(scene.recovery().released(), [20, 20]);
}

#[test]
fn a_single_word_of_a_new_epoch_is_written_also_at_the_beginning_of_a_segment() {
    let mut scene = Scene::new(16, |config| {
        sync(config);
        // Every batch begins a segment.
        config.segment = 1 << 20;
    });
    scene.settle();
    scene.group.take_over();
    // The journal looks at the new epoch before there is anything of it.
    std::thread::sleep(Duration::from_millis(50));
    scene.master = Master::of(&scene.group);
    scene.master.word(3, Word::write(0, 0));
    scene.wait("the word", |scene| scene.journal().shared.state().durable.det(3, 2) == Some(1));
}

#[test]
fn logs_that_are_emptied_twice_while_the_disk_is_slow_are_not_read_any_more() {
    let mut scene = Scene::new(1, sync);
    scene.group.take_over();
    scene.master = Master::of(&scene.group);
    for count in 0..600 {
        scene.master.word(0, Word::write(0, count));
    }
    let (record, logs) = (scene.group.record.clone(), scene.group.logs.clone());
    let shared = Shared::new(Durability::Sync, record.clone(), Mode::Running, true, Positions::default()).unwrap();
    let positions = Positions { input: vec![0], ..Positions::default() };
    let mut gatherer = Gatherer::new(record, logs.clone(), positions, 0);
    let mut buffer = vec![0; gather::FACTS_ROOM + 2048];
    assert!(gatherer.gather(&shared, &mut format::Filling::new(), &mut buffer).unwrap());
    let reached = gatherer.positions.det(0, 2).unwrap();
    assert!(reached > 0 && reached < 600, "{reached} words were copied");
    // Two takeovers fail before they are active.
    let holder = OnDisk(Arc::clone(&shared));
    holder.let_go(2);
    logs.reset_set(1);
    holder.let_go(3);
    scene
        .group
        .record
        .begin_epoch(&crate::group_record::EpochRecord { number: 3, ..scene.group.record.current().unwrap() });
    gatherer.gather(&shared, &mut format::Filling::new(), &mut buffer).unwrap();
    assert_eq!((gatherer.positions.det(0, 2), gatherer.positions.det(0, 3)), (None, None));
}
