use ftmb_runtime::checkpoint::Delta;
use ftmb_runtime::determinant::Word;

use super::*;
use crate::group_record::Role;
use crate::output_logger::tests::{Group, Master};

const KEEPER: usize = 1;

/// A group with a keeper that does what the test says.
struct Kept {
    group: Group,
    checkpoints: Checkpoints,
    dir: tempfile::TempDir,
}

impl Kept {
    fn new(interval: u64) -> (Kept, Master) {
        let (group, master) = Group::started(1);
        let dir = tempfile::tempdir().expect("tempdir");
        let checkpoints = Checkpoints::new(group.record.clone(), &dir.path().join("stage"), interval).expect("made");
        group.record.member(KEEPER).assign(Role::Standby);
        group.record.member(KEEPER).set_phase(Phase::Standby);
        group.record.member(KEEPER).set_applied(0);
        (Kept { group, checkpoints, dir }, master)
    }

    fn step(&mut self, pressed: bool) -> bool {
        self.checkpoints.step(&mut self.group.ol, Some(KEEPER), pressed).expect("sound")
    }

    fn put(&self, delta: &Delta) {
        let summary = delta.summary();
        let path = self.dir.path().join(format!("stage/{}-{}", summary.epoch, summary.number));
        std::fs::write(path, delta.to_bytes()).expect("written");
    }

    fn stage(&self, delta: &Delta) {
        self.put(delta);
        self.group.record.member(KEEPER).set_staged(delta.summary().epoch, delta.summary().number);
    }

    /// The master answers a request.
    fn flip(&self) {
        self.group.record.set_flipped(self.group.record.requested());
    }

    fn input(&self) {
        let mut input = self.group.logs.input[0].writer().expect("whole");
        input.append(1, 0, &[&[0; 100]]).expect("room");
        input.publish();
    }
}

#[test]
fn one_checkpoint_at_a_time_is_requested_and_only_if_there_is_something_to_cover() {
    let (mut kept, master) = Kept::new(0);
    assert!(!kept.step(false), "nothing has happened since checkpoint 0");
    kept.input();
    assert!(kept.step(false));
    assert!(!kept.step(true), "one is on its way");
    kept.flip();
    assert!(!kept.step(true), "until it is committed");
    let delta = master.checkpoint(&kept.group, &[]);
    kept.stage(&delta);
    kept.group.poll();
    assert!(kept.step(false));
    assert_eq!((kept.group.record.committed(), kept.group.record.requested()), (Some(1), 1));
}

#[test]
fn a_staged_checkpoint_is_committed_after_its_outputs_left_and_trimmed_behind_after_it_is_applied() {
    let (mut kept, mut master) = Kept::new(u64::MAX / 2);
    kept.input();
    master.word(0, Word::write(0, 0)).emit(0, 1);
    kept.stage(&master.checkpoint(&kept.group, &[(0, 1, 1)]));
    kept.step(false);
    assert_eq!(kept.group.record.committed(), Some(0), "its output has not left");
    kept.group.poll();
    kept.step(false);
    assert_eq!(kept.group.record.committed(), Some(1));
    kept.step(false);
    assert_eq!((kept.group.logs.input[0].trimmed(), kept.group.logs.det[0][0].trimmed()), (0, 0));
    kept.group.record.member(KEEPER).set_applied(1);
    kept.step(false);
    assert_eq!((kept.group.logs.input[0].used(), kept.group.logs.det[0][0].used()), (0, 0));
}

#[test]
fn none_is_requested_and_none_committed_while_the_epoch_is_not_active() {
    let (mut kept, mut master) = Kept::new(0);
    kept.input();
    master.word(0, Word::write(0, 0)).emit(0, 1);
    kept.group.poll();
    let stale = master.checkpoint(&kept.group, &[(0, 1, 1)]);
    kept.stage(&stale);
    kept.group.record.ask_checkpoint();
    kept.group.take_over();
    assert!(!kept.step(true));
    assert_eq!((kept.group.record.committed(), kept.group.record.requested()), (Some(0), 0));
    let mut master = Master::of(&kept.group);
    master.word(0, Word::write(0, 0)).emit(0, 1);
    kept.group.poll();
    assert!(kept.step(false), "active: now it is requested");
    assert_eq!(kept.group.record.committed(), Some(0), "what the fenced master took stays uncommitted");
    kept.flip();
    kept.stage(&master.checkpoint(&kept.group, &[(0, 1, 1)]));
    kept.step(false);
    assert_eq!((kept.group.record.committed(), kept.group.record.answered()), (Some(1), 1));
}

#[test]
fn what_a_dead_keeper_staged_and_did_not_announce_is_found() {
    let (mut kept, master) = Kept::new(0);
    kept.input();
    kept.step(false);
    kept.flip();
    kept.put(&master.checkpoint(&kept.group, &[]));
    kept.step(false);
    assert_eq!(kept.group.record.committed(), Some(0), "nobody said so");
    kept.checkpoints.step(&mut kept.group.ol, None, false).expect("sound"); // the keeper has died
    assert_eq!(kept.group.record.committed(), Some(0), "without a keeper two might await the image");
    kept.step(false); // the next one, which has loaded what is committed
    assert_eq!(kept.group.record.committed(), Some(1));
}

#[test]
fn a_log_that_fills_up_makes_a_checkpoint_due() {
    let (mut kept, mut master) = Kept::new(u64::MAX / 2);
    let words = kept.group.logs.det[0][0].span() / 3;
    for count in 0..words as u32 - 400 {
        master.word(0, Word::write(0, count));
    }
    kept.group.poll();
    assert!(!kept.step(false));
    for count in words as u32 - 400..words as u32 {
        master.word(0, Word::write(0, count));
    }
    kept.group.poll();
    assert!(kept.step(false));
}
