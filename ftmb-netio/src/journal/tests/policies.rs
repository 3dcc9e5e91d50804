//! A disk that is slow, full or broken: the group waits, goes on without, or stops, as it was told.

use rustix::io::Errno;

use super::*;

/// Until the journal is written again.
fn until_resumed(scene: &mut Scene) {
    scene.wait("a new run", |scene| {
        let Scene { journal: Some(journal), group, .. } = scene else { return false };
        journal.again = journal.again.map(|_| Instant::now());
        journal.look(&group.ol).unwrap();
        matches!(journal.shared.state().mode, Mode::Running)
    });
}

#[test]
fn on_a_full_disk_the_group_goes_on_says_so_and_begins_a_new_run_when_there_is_room() {
    let mut scene = Scene::new(2, |config| config.durability = Durability::Sync);
    scene.packet(0, Word::write(0, 0));
    scene.wait("the output", |scene| scene.left() == 1);
    scene.will.fail(Some(Errno::NOSPC));
    scene.packet(0, Word::write(0, 1));
    scene.wait("the group to go on", |scene| scene.left() == 2);
    let Scene { journal: Some(journal), group, .. } = &mut scene else { panic!() };
    journal.look(&group.ol).unwrap();
    assert_eq!((group.record.stat(Stat::JournalSuspended), group.record.stat(Stat::JournalSuspensions)), (1, 1));
    scene.wait("the marker", |scene| run::suspended(&scene.config.directory).exists());
    let marker = std::fs::read_to_string(run::suspended(&scene.config.directory)).unwrap();
    assert!(marker.contains("segment") && marker.contains("No space left"), "{marker}");
    assert!(scene.recovery().suspended().is_some());
    // Checkpoints and trimming go on as without a journal.
    scene.checkpoint(&[(0, 2, 2)]);
    assert_eq!(scene.group.logs.input[0].used(), 0);

    scene.packet(1, Word::write(0, 2));
    scene.will.fail(None);
    until_resumed(&mut scene);
    assert!(!run::suspended(&scene.config.directory).exists());
    scene.packet(0, Word::write(0, 3));
    scene.wait("all outputs", |scene| scene.left() == 4);
    scene.settle();
    let recovery = scene.recovery();
    assert_eq!(
        (recovery.committed(), recovery.released(), recovery.path().ends_with("run-000002")),
        (1, vec![3, 1], true)
    );
    let place = tempfile::tempdir().unwrap();
    let dir = GroupDir::create(&place.path().join("g"), "x").unwrap();
    assert_eq!(recovery.rebuild(&dir, None).unwrap().committed(), Some(1));
    // And a gateway that comes now goes on with the new run.
    scene.restart();
    assert!(matches!(scene.journal().shared.state().mode, Mode::Running));
}

#[test]
fn a_broken_disk_stops_a_group_that_is_told_so_with_an_error_that_says_why() {
    let mut scene = Scene::new(1, |config| config.when_full = WhenFull::Stop);
    scene.will.fail(Some(Errno::IO));
    scene.input(0, 10);
    let mut stopped = None;
    scene.wait("the error", |scene| {
        let Scene { journal: Some(journal), group, .. } = scene else { return false };
        stopped = journal.look(&group.ol).err();
        stopped.is_some()
    });
    let error = stopped.unwrap();
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert!(
        matches!(&error, JournalError::Stopped { source, .. } if matches!(**source, JournalError::Io { step: "write" | "create", .. }))
    );
    assert!(source.is_some_and(|source| source.contains(".segment")));
    assert!(crate::Error::from(error).is_final());
}

#[test]
fn a_slow_disk_is_waited_for_or_done_without() {
    for when_slow in [WhenSlow::Wait, WhenSlow::Suspend] {
        let mut scene = Scene::new(1, |config| {
            config.durability = Durability::Sync;
            config.when_slow = when_slow;
            config.slow_after = Duration::from_millis(30);
        });
        scene.settle();
        scene.will.hold(true);
        scene.packet(0, Word::write(0, 0));
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(200) && scene.left() == 0 {
            let Scene { journal: Some(journal), group, .. } = &mut scene else { panic!() };
            journal.look(&group.ol).unwrap();
            journal.ring();
        }
        let left = scene.left();
        scene.will.hold(false);
        match when_slow {
            WhenSlow::Wait => assert_eq!(left, 0),
            WhenSlow::Suspend => {
                scene.wait("the output", |scene| {
                    let Scene { journal: Some(journal), group, .. } = &mut *scene else { return false };
                    journal.look(&group.ol).unwrap();
                    scene.left() == 1
                });
            }
        }
        scene.wait("the output", |scene| scene.left() == 1);
        until_resumed(&mut scene);
        scene.packet(0, Word::write(0, 1));
        scene.wait("the next output", |scene| scene.left() == 2);
    }
}

#[test]
fn two_groups_do_not_write_one_journal() {
    let scene = Scene::new(1, |_| ());
    let (record, logs) = (&scene.group.record, &scene.group.logs);
    let (image, stage) = (scene.dir.path().join("image"), scene.dir.path().join("stage"));
    let group = Journaled { record, logs, image: &image, stage: &stage, config: b"", base: None };
    assert!(matches!(Journal::open(&scene.config, &group), Err(JournalError::InUse { .. })));
    // Nor does one go on from what the other is writing.
    assert!(matches!(refuse_in_use(&scene.config.directory), Err(JournalError::InUse { .. })));
    let directory = scene.config.directory.clone();
    drop(scene);
    refuse_in_use(&directory).unwrap();
}

#[test]
fn a_group_that_ends_in_good_order_without_its_journal_is_not_gone_on_with() {
    let mut scene = Scene::new(1, |_| ());
    scene.packet(0, Word::write(0, 0));
    scene.settle();
    assert!(Recovery::find(&scene.config.directory).unwrap().is_some());
    scene.will.fail(Some(Errno::NOSPC));
    scene.wait("the journal to be suspended", |scene| {
        scene.input(0, 1);
        scene.journal().shared.state().figures.suspensions == 1
    });
    scene.journal.take().unwrap().finish(true);
    assert!(Recovery::find(&scene.config.directory).unwrap().is_none());
}

#[test]
fn a_gateway_that_finds_no_journal_to_go_on_with_begins_a_run_before_anything_leaves() {
    let mut scene = Scene::new(1, |config| config.durability = Durability::Sync);
    scene.packet(0, Word::write(0, 0));
    scene.wait("the output", |scene| scene.left() == 1);
    scene.checkpoint(&[(0, 1, 1)]);
    scene.journal = None;
    std::fs::remove_dir_all(&scene.config.directory).unwrap();
    scene.will.hold(true);
    scene.restart();
    scene.packet(0, Word::write(0, 1));
    for _ in 0..50 {
        assert_eq!(scene.left(), 1);
        std::thread::sleep(Duration::from_millis(1));
    }
    scene.will.hold(false);
    scene.wait("the next output", |scene| scene.left() == 2);
    assert_eq!(scene.recovery().committed(), 1);
}

#[test]
fn what_left_without_the_journal_is_in_the_cut_also_of_a_gateway_that_goes_on_with_it() {
    let mut scene = Scene::new(1, |config| config.durability = Durability::Sync);
    scene.packet(0, Word::write(0, 0));
    scene.wait("the output", |scene| scene.left() == 1);
    scene.settle();
    scene.will.fail(Some(Errno::NOSPC));
    scene.packet(0, Word::write(0, 1));
    scene.wait("the group to go on", |scene| scene.left() == 2);
    scene.wait("the journal to rest", |scene| run::suspended(&scene.config.directory).exists());
    // Gateway and master die together, before anything is trimmed.
    scene.will.hold(true);
    scene.restart();
    assert!(matches!(scene.journal().shared.state().mode, Mode::Running));
    assert_eq!(scene.left(), 2);
    let epoch = scene.group.take_over();
    assert_eq!((epoch.cores[0].cut_det, epoch.cores[0].closing_det), (2, 2));
    assert_eq!(scene.left(), 2, "what is cut off has not left therefore");
}

#[test]
fn a_word_that_the_disk_lacks_is_in_the_cut_and_lets_nothing_leave() {
    let mut scene = Scene::new(1, |config| config.durability = Durability::Sync);
    scene.settle();
    scene.will.hold(true);
    scene.packet(0, Word::write(0, 0));
    let epoch = scene.group.take_over();
    assert_eq!((epoch.cores[0].cut_det, scene.group.sink.left.len()), (1, 0));
    scene.will.hold(false);
}
