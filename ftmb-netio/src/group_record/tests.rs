use super::*;

fn record(cores: usize) -> GroupRecord {
    GroupRecord::anonymous(Birth::now(cores, 1)).expect("memory")
}

#[test]
fn a_record_cut_off_before_its_switch_leaves_the_old_one() {
    let record = record(2);
    let first = Released { ordinal: 1, hash: 11, epoch: 1 };
    record.set_released(0, first);
    // A writer that dies after the slot's words and before the switch:
    let at = layout::RELEASED;
    let unused = at + 1 + 3 * ((record.get(at) as usize + 1) & 1);
    record.set(unused, 2);
    record.set(unused + 1, 22);
    assert_eq!(record.released(0), first);
    record.set_released(0, Released { ordinal: 3, hash: 33, epoch: 1 });
    assert_eq!(record.released(0), Released { ordinal: 3, hash: 33, epoch: 1 });
    assert_eq!(record.released(1), Released::default());
}

#[test]
fn a_reader_never_sees_half_of_a_released_record() {
    let record = record(1);
    let writer = record.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for i in 1..=20_000 {
                writer.set_released(0, Released { ordinal: i, hash: i * 7, epoch: i * 13 });
            }
        });
        loop {
            let seen = record.released(0);
            assert_eq!((seen.hash, seen.epoch), (seen.ordinal * 7, seen.ordinal * 13));
            if seen.ordinal == 20_000 {
                break;
            }
        }
    });
}

#[test]
fn an_epoch_record_cut_off_before_its_switch_leaves_the_old_one() {
    let record = record(2);
    let first = EpochRecord { number: 1, cores: vec![CoreCut::default(); 2], ..EpochRecord::default() };
    record.begin_epoch(&first);
    let second = EpochRecord {
        number: 2,
        set: 1,
        from: Some(Origin { epoch: 1, set: 0 }),
        base: Some(4),
        master: 1,
        closing_ckpt: 99,
        cores: vec![CoreCut { closing_det: 1, closing_out: 2, start_det: 3, cut_det: 4 }; 2],
    };
    record.begin_epoch(&second);
    assert_eq!(record.current().as_ref(), Some(&second));
    // The third is written over the first; until EPOCH moves, the second stands.
    let at = layout::EPOCHS + layout::EPOCH_WORDS;
    record.set(at, 3);
    record.set(at + 5, 2);
    assert_eq!(record.current(), Some(second));
    assert!(!record.is_active());
    record.set_active(2);
    assert!(record.is_active());
}

#[test]
fn a_process_that_was_given_up_on_cannot_claim_its_slot() {
    let record = record(1);
    let member = record.member(2);
    let (me, other) = (Identity { pid: 4_000_000, start: u32::MAX }, Identity { pid: 2, start: 3 });
    let first = member.assign(Role::Keeper);
    assert!(member.give_up());
    assert_eq!(member.phase(), Phase::Empty);
    let second = member.assign(Role::Standby);
    assert!(!member.claim(first, me), "given up on");
    assert!(member.claim(second, me));
    assert!(!member.give_up(), "claimed");
    assert!(!member.claim(second, other), "taken");
    assert_eq!((member.identity(), member.role()), (Some(me), Role::Standby));
}

#[test]
fn a_record_of_another_build_is_refused() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("group");
    let birth = Birth::now(3, 9);
    let record = GroupRecord::create(&path, 77, birth).expect("created");
    record.commit(6);
    assert!(matches!(GroupRecord::open(&path, 78), Err(LogError::Mismatch { what: "fingerprint", .. })));
    let again = GroupRecord::open_any(&path).expect("opened");
    assert_eq!((again.committed(), again.birth(), again.fingerprint()), (Some(6), birth, 77));
    assert!(matches!(GroupRecord::open_any(&dir.path().join("none")), Err(LogError::Io { .. })));
}

#[test]
fn takeovers_are_kept_in_a_ring() {
    let record = record(1);
    for number in 1..=70 {
        record.begin_epoch(&EpochRecord { number, cores: vec![CoreCut::default()], ..EpochRecord::default() });
        record.note_takeover(&Takeover { epoch: number, detected: number * 10, ..Takeover::default() });
    }
    let seen = record.takeovers();
    assert_eq!((seen.len(), seen[0].epoch, seen[63].detected), (64, 7, 700));
}
