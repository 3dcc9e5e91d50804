//! What is made again from a journal is what was in shared memory, up to the last whole batch.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use ftmb_runtime::log::Log;
use proptest::prelude::*;

use super::*;

/// All frames of a log from a position on.
fn frames(log: &Log, from: u64) -> Vec<(u64, u8, Vec<u8>)> {
    let (mut reader, mut frames) = (log.reader(from), Vec::new());
    while let Some(frame) = reader.next().unwrap() {
        frames.push((frame.position, frame.kind, frame.payload.to_vec()));
    }
    frames
}

pub(super) fn words(log: &Log, from: u64) -> Vec<u64> {
    let reader = log.word_reader();
    let (first, second) = reader.slices(from, log.tail()).unwrap();
    [first, second].concat()
}

/// Makes the group again and returns its logs.
pub(super) fn rebuilt(recovery: &Recovery) -> (TempDir, GroupRecord, GroupLogs) {
    let place = tempfile::tempdir().unwrap();
    let dir = GroupDir::create(&place.path().join("g"), "x").unwrap();
    let record = recovery.rebuild(&dir, None).unwrap();
    let logs = dir.open_logs(record.cores(), 0).unwrap();
    (place, record, logs)
}

#[test]
fn everything_behind_the_committed_checkpoint_comes_back_at_its_position() {
    let mut scene = Scene::new(2, |config| config.durability = Durability::Sync);
    for turn in 0..300_u32 {
        scene.packet(turn as usize % 2, Word::write(0, turn));
        if turn % 50 == 30 {
            scene.wait("the outputs", |scene| scene.left() == turn as usize + 1);
            scene.checkpoint(&[(0, turn + 1, turn + 1)]);
        }
        if turn == 120 {
            scene.restart();
        }
    }
    scene.wait("the outputs", |scene| scene.left() == 300);
    scene.settle();
    let recovery = scene.recovery();
    let (_place, record, logs) = rebuilt(&recovery);
    let base = scene.group.ol.base().unwrap().clone();
    assert_eq!((record.committed(), record.active(), record.is_active()), (Some(base.number), 1, true));
    assert!(
        recovery.released().iter().sum::<u64>() <= 300
            && recovery.released() > base.cores.iter().map(|c| c.ordinal).collect()
    );
    for (core, point) in base.cores.iter().enumerate() {
        let (was, is) = (&scene.group.logs.input[core], &logs.input[core]);
        let (was, is) = (frames(was, point.in_pos), frames(is, is.trimmed()));
        assert!(is.len() + 20 > was.len() && was.starts_with(&is), "core {core}: {} of {}", is.len(), was.len());
        let is = &logs.det[core][0];
        assert_eq!(
            (is.trimmed(), words(is, is.trimmed())),
            (point.det_pos, words(&scene.group.logs.det[core][0], point.det_pos))
        );
    }
    // A base for the output logger, as a gateway loads it.
    let place = GroupDir::at(_place.path().join("g/x"));
    assert_eq!(Base::load(&place.image(None), &place.stage(None), 0, base.number).unwrap(), base);
    assert!(record.stamped(0) > 300 && record.now() > 300);
}

#[test]
fn an_epoch_that_had_not_become_active_leaves_no_trace() {
    let mut scene = Scene::new(1, |config| config.durability = Durability::Sync);
    scene.packet(0, Word::write(0, 0));
    scene.wait("the output", |scene| scene.left() == 1);
    scene.settle();
    scene.group.take_over();
    scene.master = Master::of(&scene.group);
    // It has made the word again, not yet the output.
    scene.master.word(0, Word::write(0, 0));
    scene.settle();
    assert!(!scene.group.record.is_active());
    let (_place, record, logs) = rebuilt(&scene.recovery());
    assert_eq!((record.epoch(), record.active(), record.released(0).ordinal), (1, 1, 1));
    assert_eq!(words(&logs.det[0][0], 0), [Word::write(0, 0).0]);
    assert_eq!(logs.det[0][1].tail(), 0);
}

#[test]
fn a_group_that_has_ended_in_good_order_is_not_gone_on_with() {
    let mut scene = Scene::new(1, |_| ());
    scene.packet(0, Word::write(0, 0));
    scene.settle();
    scene.journal.take().unwrap().finish(true);
    assert!(Recovery::find(&scene.config.directory).unwrap().is_none());
    assert!(check(&scene.config.directory).unwrap()[0].ended);
}

#[test]
fn a_run_of_another_build_is_refused_with_both_fingerprints() {
    let mut scene = Scene::new(1, |_| ());
    scene.settle();
    let error = scene.recovery().check(77).unwrap_err().to_string();
    assert!(error.contains("0x000000000000004d") && error.contains("run-000001"), "{error}");
}

/// A journal with some checkpoints, epochs and gateways, once for all cases.
fn journal() -> &'static (TempDir, std::path::PathBuf) {
    static MADE: std::sync::OnceLock<(TempDir, std::path::PathBuf)> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let mut scene = Scene::new(2, |config| config.durability = Durability::Sync);
        for turn in 0..60_u32 {
            scene.packet(turn as usize % 2, Word::write(0, turn));
            if turn % 20 == 10 {
                scene.wait("the outputs", |scene| scene.left() == turn as usize + 1);
                scene.checkpoint(&[(0, turn + 1, turn + 1)]);
            }
            if turn % 20 == 15 {
                scene.restart();
            }
        }
        scene.settle();
        scene.journal = None;
        let path = scene.config.directory.clone();
        (std::mem::replace(&mut scene.dir, tempfile::tempdir().unwrap()), path)
    })
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => _ = std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap(),
        }
    }
}

fn segments(directory: &Path) -> Vec<std::path::PathBuf> {
    Run::open(1, directory.join("run-000001"))
        .unwrap()
        .segments()
        .unwrap()
        .into_iter()
        .map(|segment| segment.1)
        .collect()
}

/// Where the batches of a segment begin, and how long they are.
fn batches(path: &Path) -> Vec<(u64, u64)> {
    let (bytes, mut at, mut all) = (std::fs::read(path).unwrap(), 0, Vec::new());
    while let Ok(head) = format::head(&bytes[at as usize..]) {
        all.push((at, head.length as u64));
        at += head.padded();
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Anything in the last segment that was written is cut off or overwritten: recovery is what was before, or an error, and what
    /// it gives can be made again.
    #[test]
    fn a_torn_end_is_the_end_and_damage_before_it_is_an_error(
        at in 0.0..1.0_f64, length in 1..9000_usize, byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let (_, whole) = journal();
        let place = tempfile::tempdir().unwrap();
        let torn = place.path().join("journal");
        copy(whole, &torn);
        let all = segments(&torn);
        let last = all.iter().rfind(|path| !batches(path).is_empty()).unwrap();
        let batches = batches(last);
        let end = batches.last().map(|&(at, length)| at + length).unwrap();
        let offset = (at * end as f64) as u64;
        let file = OpenOptions::new().write(true).open(last).unwrap();
        if cut {
            file.set_len(offset).unwrap();
        } else {
            file.write_all_at(&vec![byte; length.min((end - offset) as usize)], offset).unwrap();
        }
        let in_last = batches.last().is_some_and(|&(at, _)| offset >= at);
        match Recovery::find(&torn) {
            Ok(Some(recovery)) => {
                let (_dir, record, _) = rebuilt(&recovery);
                prop_assert_eq!(record.committed(), Some(recovery.committed()));
            }
            Ok(None) => prop_assert!(false, "earlier segments are whole"),
            Err(JournalError::Damaged { path, offset: found, .. }) => {
                prop_assert!(!cut && !in_last, "the end was torn, not the middle");
                prop_assert_eq!(&path, last);
                prop_assert!(found <= offset + 9000);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    /// Whatever stands in a journal's files, reading it ends in a result.
    #[test]
    fn arbitrary_bytes_are_no_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), prop::collection::vec(any::<u8>(), 1..300)), 1..4),
    ) {
        let (_, whole) = journal();
        let place = tempfile::tempdir().unwrap();
        let broken = place.path().join("journal");
        copy(whole, &broken);
        let mut files = segments(&broken);
        files.push(broken.join("run-000001/birth"));
        for (file, at, bytes) in edits {
            let path = file.get(&files);
            let length = std::fs::metadata(path).unwrap().len().min(1 << 18);
            OpenOptions::new().write(true).open(path).unwrap().write_all_at(&bytes, at % length).unwrap();
        }
        if let Ok(Some(recovery)) = Recovery::find(&broken) {
            let place = tempfile::tempdir().unwrap();
            let dir = GroupDir::create(&place.path().join("g"), "x").unwrap();
            // Two edits may have hit what only making it again looks at.
            let _ = recovery.rebuild(&dir, None);
        }
    }
}

/// Makes the checksum of a batch right again.
fn reseal(batch: &mut [u8]) {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&batch[..12]);
    crc.update(&batch[16..]);
    batch[12..16].copy_from_slice(&crc.finalize().to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a checksum covers is not believed for that.
    #[test]
    fn arbitrary_bytes_behind_a_right_checksum_are_no_panic(
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop_oneof![
                prop::collection::vec(any::<u8>(), 1..24),
                any::<u8>().prop_map(|byte| vec![byte]),
                any::<u8>().prop_map(|byte| vec![byte; 8]),
            ]),
            1..4,
        ),
    ) {
        let (_, whole) = journal();
        let place = tempfile::tempdir().unwrap();
        let changed = place.path().join("journal");
        copy(whole, &changed);
        let all: Vec<_> = segments(&changed).into_iter().filter(|path| !batches(path).is_empty()).collect();
        for (which, at, bytes) in edits {
            let path = which.get(&all);
            let (offset, length) = *which.get(&batches(path));
            let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
            let mut batch = vec![0; length as usize];
            file.read_exact_at(&mut batch, offset).unwrap();
            // Heads of records, mostly: what is in them is the group's.
            let mut heads = vec![format::HEAD];
            while let Some(next) = heads.last().map(|&at| {
                at + format::RECORD + (u32::from_le_bytes(batch[at + 4..at + 8].try_into().unwrap()) as usize).next_multiple_of(8)
            }) && next + format::RECORD <= batch.len() {
                heads.push(next);
            }
            let at = *which.get(&heads) + at.index(64);
            let end = (at + bytes.len()).min(batch.len());
            if at < end {
                batch[at..end].copy_from_slice(&bytes[..end - at]);
            }
            reseal(&mut batch);
            file.write_all_at(&batch, offset).unwrap();
        }
        for path in &all {
            describe(path, u64::MAX).unwrap();
        }
        if let Ok(Some(recovery)) = Recovery::find(&changed) {
            let place = tempfile::tempdir().unwrap();
            let dir = GroupDir::create(&place.path().join("g"), "x").unwrap();
            let _ = recovery.rebuild(&dir, None);
        }
        if let Ok(Some(replay)) = Replay::open(&changed, None) {
            for stretch in replay.stretches() {
                let place = tempfile::tempdir().unwrap();
                let dir = GroupDir::create(&place.path().join("g"), "x").unwrap();
                let _ = replay.rebuild(stretch, &dir, None, 0, true);
            }
        }
    }
}

#[test]
fn a_checkpoint_that_is_longer_than_a_segment_comes_back_also_if_a_gateway_dies_within_it() {
    let mut scene = Scene::new(1, |config| {
        config.durability = Durability::Sync;
        config.segment = 1 << 20;
        config.keep = 0;
    });
    for turn in 0..4_u32 {
        scene.packet(0, Word::write(0, turn));
        scene.wait("the output", |scene| scene.left() == turn as usize + 1);
        scene.bulk = 3 << 20;
        if turn == 2 {
            // The gateway that was to write it dies: the next one writes it again, from its beginning.
            let (_, head) = scene.stage(&[(0, turn + 1, turn + 1)]);
            let before = scene.journal().shared.state().figures.batches;
            scene.wait("a part of it", |scene| {
                assert!(!scene.group.ol.covers(&head), "it takes several batches");
                scene.journal().shared.state().figures.batches >= before + 2
            });
            scene.restart();
        }
        scene.checkpoint(&[(0, turn + 1, turn + 1)]);
        scene.settle();
        let recovery = scene.recovery();
        let (_place, record, _) = rebuilt(&recovery);
        assert_eq!(record.committed(), Some(u64::from(turn) + 1));
    }
}

#[test]
fn a_segment_is_described_record_by_record_up_to_where_it_ends() {
    let (_, whole) = journal();
    let texts: Vec<_> = segments(whole).iter().map(|path| describe(path, u64::MAX).unwrap()).collect();
    for text in &texts {
        assert!(text.ends_with("expected the magic number of a batch, found 0x0\n"), "{text}");
    }
    let text = texts.concat();
    for part in [
        "  batch 1 of run ",
        "    start: in [0, 0]",
        "    checkpoint 0 of epoch 1: bytes 0..",
        "    det.1 of epoch 1: words 0..",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("    facts: epoch 1 is active, checkpoint 0 is committed, outputs ["), "{text}");
    assert!(describe(&whole.join("run-000001/birth"), 1).unwrap().contains("    birth: fingerprint 0x"));
}

#[test]
fn a_hole_in_the_middle_names_file_place_expected_and_found() {
    let (_, whole) = journal();
    let place = tempfile::tempdir().unwrap();
    copy(whole, &place.path().join("journal"));
    let directory = place.path().join("journal");
    let all = segments(&directory);
    let (offset, _) = batches(&all[0])[1];
    OpenOptions::new().write(true).open(&all[0]).unwrap().write_all_at(&[9], offset + 70).unwrap();
    let error = Recovery::find(&directory).unwrap_err();
    assert!(
        matches!(&error, JournalError::Damaged { path, offset: at, expected: "the crc of the batch", .. } if path == &all[0] && *at == offset + 12),
        "{error}"
    );
    // The first batch of a segment, also of the last one.
    for damaged in [all.iter().rfind(|path| batches(path).len() > 1).unwrap(), &all[1]] {
        copy(whole, &directory);
        OpenOptions::new().write(true).open(damaged).unwrap().write_all_at(&[9], 70).unwrap();
        let error = Recovery::find(&directory).unwrap_err();
        assert!(matches!(&error, JournalError::Damaged { path, offset: 12, .. } if path == damaged), "{error}");
    }
    copy(whole, &directory);
    // A whole segment that is missing is found out by the next one.
    copy(whole, &directory);
    std::fs::remove_file(&all[1]).unwrap();
    let error = Recovery::find(&directory).unwrap_err();
    assert!(matches!(&error, JournalError::Gap { path, .. } if path == &all[2]), "{error}");
}

#[test]
fn a_group_that_ended_in_a_run_without_anything_is_not_gone_on_with_from_the_one_before() {
    let (_, whole) = journal();
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("journal");
    copy(whole, &directory);
    // What is left where the disk was full again when the journal was to go on.
    let second = directory.join("run-000002");
    std::fs::create_dir(&second).unwrap();
    std::fs::copy(directory.join("run-000001/birth"), second.join("birth")).unwrap();
    assert!(Recovery::find(&directory).unwrap().is_some());
    std::fs::write(directory.join("ended-2"), "").unwrap();
    assert!(Recovery::find(&directory).unwrap().is_none());
}

#[test]
fn a_journal_is_condensed_and_the_oldest_goes_first() {
    let mut scene = Scene::new(2, |config| {
        config.durability = Durability::Sync;
        // Every batch begins a segment.
        config.segment = 1 << 20;
        config.keep = 6 << 20;
    });
    for turn in 0..120_u32 {
        scene.packet(turn as usize % 2, Word::write(0, turn));
        scene.wait("the output", |scene| scene.left() == turn as usize + 1);
        if turn % 10 == 9 {
            scene.checkpoint(&[(0, turn + 1, turn + 1)]);
        }
    }
    scene.settle();
    scene.wait("the files to be removed", |scene| {
        // Slower than the files are looked after: every batch is a segment here.
        std::thread::sleep(Duration::from_millis(50));
        scene.input(0, 1);
        let run = Run::open(1, scene.config.directory.join("run-000001")).unwrap();
        run.segments().unwrap().len() < 20 && !run.checkpoints().unwrap().is_empty()
    });
    // Files go while the thread that condenses is at work: whoever reads waits until it is not.
    let count = |scene: &Scene| std::fs::read_dir(scene.config.directory.join("run-000001")).unwrap().count();
    let (mut last, mut same) = (0, 0);
    scene.wait("the files to stay", |scene| {
        std::thread::sleep(Duration::from_millis(100));
        same = if count(scene) == last { same + 1 } else { 0 };
        last = count(scene);
        same == 5
    });
    let recovery = scene.recovery();
    assert!(recovery.committed() == 12, "{}", recovery.committed());
    let (_place, record, logs) = rebuilt(&recovery);
    assert_eq!(record.committed(), Some(12));
    let base = scene.group.ol.base().unwrap().clone();
    for core in 0..2 {
        assert_eq!(logs.input[core].trimmed(), base.cores[core].in_pos);
    }
    // Whoever looks at a journal reads all that can be run again, not only what a recovery needs.
    let again = Replay::open(&scene.config.directory, None).unwrap().unwrap();
    assert_eq!(check(&scene.config.directory).unwrap()[0].batches, again.recovery().batches());
    // A gateway goes on with what is left.
    scene.restart();
    assert!(matches!(scene.journal().shared.state().mode, Mode::Running));
    assert_eq!(Run::list(&scene.config.directory).unwrap().len(), 1);
}
