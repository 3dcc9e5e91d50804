//! After a power loss, epochs and checkpoints get numbers that lost ones had: what the disk has of these is told from what follows.

use super::recovering::{rebuilt, words};
use super::*;
use crate::journal::facts::Reached;

#[test]
fn what_an_epoch_had_on_the_disk_that_a_power_loss_undid_is_not_taken_for_words_of_the_next_one_of_its_number() {
    let mut scene = Scene::new(1, |config| config.durability = Durability::Sync);
    scene.packet(0, Word::write(0, 0));
    scene.wait("the output", |scene| scene.left() == 1);
    scene.settle();
    scene.group.take_over();
    scene.master = Master::of(&scene.group);
    scene.master.word(0, Word::write(0, 0)).word(0, Word::write(3, 0)).word(0, Word::write(3, 1));
    scene.settle();
    assert!(!scene.group.record.is_active());
    for again in 0..2 {
        scene.lose_power();
        assert_eq!((scene.group.record.epoch(), scene.group.record.released(0).ordinal), (1, 1));
        assert_eq!(scene.group.take_over().number, 2);
        scene.master = Master::of(&scene.group);
        if again == 1 {
            // It makes the output again, and is active.
            scene.master.word(0, Word::write(0, 0)).emit(0, 1).word(0, Word::write(1, 0));
            scene.wait("activity", |scene| scene.group.poll().activated);
        } else {
            scene.master.word(0, Word::write(0, 0)).word(0, Word::write(2, 0));
        }
        scene.settle();
    }
    scene.packet(0, Word::write(1, 1));
    scene.wait("the new epoch's output", |scene| scene.left() == 1);
    scene.settle();
    let (_place, record, logs) = rebuilt(&scene.recovery());
    assert_eq!((record.active(), record.released(0).ordinal), (2, 2));
    let wanted = [Word::write(0, 0).0, Word::write(1, 0).0, Word::write(1, 1).0];
    assert_eq!(words(&logs.det[0][record.current().unwrap().set], 0), wanted);
    // And a checkpoint of it is the one that is gone on from.
    scene.checkpoint(&[(0, 1, 1), (1, 2, 2)]);
    scene.packet(0, Word::write(1, 2));
    scene.wait("another output", |scene| scene.left() == 2);
    scene.settle();
    let (_place, record, logs) = rebuilt(&scene.recovery());
    assert_eq!((record.committed(), record.active()), (Some(1), 2));
    assert_eq!(words(&logs.det[0][record.current().unwrap().set], 3), [Word::write(1, 2).0]);
}

#[test]
fn words_of_the_last_epoch_that_the_disk_knows_to_be_active_stay_when_a_segment_begins_without_it() {
    let mut scene = Scene::new(1, |config| config.durability = Durability::Sync);
    scene.packet(0, Word::write(0, 0));
    scene.wait("the output", |scene| scene.left() == 1);
    scene.settle();
    scene.journal = None;
    // The next epoch is active, and a segment has begun, but facts of that have not come to the disk.
    let (number, path) = Run::list(&scene.config.directory).unwrap().pop().unwrap();
    let run = Run::open(number, path).unwrap();
    let (fold, sequence) = tail(&run).unwrap().unwrap();
    let start = Positions { det: vec![Reached { epoch: 2, cores: vec![0] }], ..fold.positions.unwrap() };
    let (mut buffer, mut filling) = (vec![0; 8192], format::Filling::new());
    let record = format::Record { bytes: &start.to_bytes(), ..format::Record::of(format::Kind::Start) };
    assert!(filling.add(&mut buffer, &record));
    let record = format::Record { epoch: 2, bytes: &[3; 8], ..format::Record::of(format::Kind::Det) };
    assert!(filling.add(&mut buffer, &record));
    let length = filling.seal(&mut buffer, run.id, sequence, 0);
    let next = run.segments().unwrap().last().unwrap().0 + 1;
    std::fs::write(run.segment(next), &buffer[..length]).unwrap();

    let (_place, record, logs) = rebuilt(&scene.recovery());
    assert_eq!((record.active(), words(&logs.det[0][0], 0)), (1, vec![Word::write(0, 0).0]));
    // A gateway of this life, and one of the next: neither takes what is said of epoch 2 for words of its own.
    scene.restart();
    assert!(matches!(scene.journal().shared.state().mode, Mode::Running | Mode::Beginning(_)));
    assert_eq!(scene.journal().shared.state().durable.det(0, 2), None);
    scene.wait("a new run", |scene| {
        scene.input(0, 1);
        Run::list(&scene.config.directory).unwrap().len() == 2 && scene.recovery().path().ends_with("run-000002")
    });
    scene.settle();
    let (_place, record, logs) = rebuilt(&scene.recovery());
    assert_eq!((record.active(), words(&logs.det[0][0], 0)), (1, vec![Word::write(0, 0).0]));
}

#[test]
fn a_checkpoint_that_a_power_loss_undid_is_not_taken_for_the_one_that_is_committed_under_its_number() {
    let mut scene = Scene::new(1, |config| config.durability = Durability::Sync);
    scene.packet(0, Word::write(0, 0));
    scene.wait("the output", |scene| scene.left() == 1);
    scene.settle();
    scene.group.take_over();
    scene.master = Master::of(&scene.group);
    scene.master.word(0, Word::write(0, 0));
    let (_, head) = scene.stage(&[(0, 1, 1)]);
    let holder = scene.journal().holder();
    scene.wait("the checkpoint on the disk", |scene| {
        assert!(!holder.have_checkpoint(&head), "the disk does not know that its epoch is active");
        scene.journal().shared.state().durable.checkpoint == Some((2, 1))
    });
    assert!(!holder.have_checkpoint(&head) && !scene.group.record.is_active());
    scene.lose_power();
    scene.group.take_over();
    scene.master = Master::of(&scene.group);
    scene.master.word(0, Word::write(0, 0)).emit(0, 1).word(0, Word::write(1, 0));
    scene.checkpoint(&[(0, 1, 1), (1, 1, 1)]);
    let base = scene.group.ol.base().unwrap().clone();
    assert_eq!((base.epoch, base.number, base.cores[0].det_pos), (2, 1, 2));
    scene.settle();
    let (place, ..) = rebuilt(&scene.recovery());
    let dir = GroupDir::at(place.path().join("g/x"));
    assert_eq!(Base::load(&dir.image(None), &dir.stage(None), 0, 1).unwrap(), base);
}
