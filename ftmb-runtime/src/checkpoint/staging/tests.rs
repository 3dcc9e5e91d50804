//! Staging: whatever the keeper and the file system do, every delta that was sent whole is staged once, whole, and
//! nothing else.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::checkpoint::stream::{CHUNK, DeltaSender, KIND_BEGIN, KIND_DATA, KIND_END, Progress};
use crate::checkpoint::{DeltaBuilder, Summary};
use crate::log::{LogKind, LogSpec, MIN_CAPACITY};

/// How a step of the file system fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// Nothing is done.
    Refused,
    /// It is done, but the process does not live to see it.
    Died,
    /// A write is done in part.
    Short,
}

/// Fails every step once a number of them was done.
#[derive(Debug)]
struct Faulty {
    left: Arc<AtomicI64>,
    failure: Failure,
}

impl Faulty {
    fn step<T>(&mut self, step: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        match (self.left.fetch_sub(1, Ordering::SeqCst), self.failure) {
            (1.., _) => step(&mut Disk),
            (0, Failure::Died) => step(&mut Disk).and(Err(io::ErrorKind::StorageFull.into())),
            _ => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

impl Files for Faulty {
    fn open(&mut self, path: &Path) -> io::Result<File> {
        self.step(|disk| disk.open(path))
    }
    fn write_at(&mut self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if let (0, Failure::Short) = (self.left.load(Ordering::SeqCst), self.failure) {
            Disk.write_at(file, offset, &bytes[..bytes.len() / 2])?;
        }
        self.step(|disk| disk.write_at(file, offset, bytes))
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|disk| disk.rename(from, to))
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step(|disk| disk.remove(path))
    }
}

fn log() -> Log {
    Log::anonymous(LogSpec { kind: LogKind::Ckpt, capacity: MIN_CAPACITY, fingerprint: 1 }).unwrap()
}

fn delta(epoch: u64, number: u64, size: usize) -> Delta {
    let summary = Summary { epoch, number, variables: 1, ..Summary::default() };
    let mut builder = DeltaBuilder::new(summary);
    let value: Vec<u8> = (0..size).map(|i| (i as u64 * 7 + epoch + number) as u8).collect();
    let put = crate::state::Piece::Put { key: &[], value: &value };
    let capture = |out: &mut Vec<u8>| {
        crate::state::encode_piece(out, put);
        Ok::<_, ()>(())
    };
    builder.variable(0, capture).unwrap();
    builder.finish()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Masters die in the middle of deltas, keepers at any step of the file system; the log is smaller than a delta.
    #[test]
    fn every_whole_delta_is_staged_whoever_dies(
        sends in proptest::collection::vec((0..400_000_usize, proptest::option::weighted(0.3, 0..12_usize)), 1..6),
        lives in proptest::collection::vec((0..12_i64, 0..3_u8), 0..40),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let log = log();
        let mut lives = lives.into_iter();
        let mut life = |log: &Log| {
            let (steps, failure) = lives.next().unwrap_or((i64::MAX, 0));
            let failure = [Failure::Refused, Failure::Died, Failure::Short][failure as usize];
            let left = Arc::new(AtomicI64::new(i64::MAX));
            let faulty = Faulty { left: left.clone(), failure };
            // Taking up is not what is tested to fail here, since a keeper that cannot start is started again.
            let staging = Staging::with_files(dir.path(), log.clone(), Box::new(faulty)).unwrap();
            left.store(steps, Ordering::SeqCst);
            staging
        };
        let mut staging = life(&log);
        let mut staged = std::collections::BTreeMap::new();
        let mut expected = std::collections::BTreeMap::new();
        let mut epoch = 1;
        for (number, (size, dies_after)) in sends.into_iter().enumerate() {
            let number = number as u64;
            let delta = delta(epoch, number, size);
            let bytes = delta.to_bytes();
            let mut writer = log.writer().unwrap();
            let mut sender = DeltaSender::new(delta);
            let mut steps = 0;
            loop {
                if dies_after.is_some_and(|after| steps >= after) {
                    epoch += 1;
                    break;
                }
                steps += 1;
                if sender.step(&mut writer) == Progress::Done {
                    expected.insert((epoch, number), bytes);
                    break;
                }
                match staging.step() {
                    Ok(Some(done)) => { staged.insert((done.epoch, done.number), done.path); }
                    Ok(None) => {}
                    Err(error) => {
                        let injected = matches!(error, CheckpointError::Io { .. });
                        prop_assert!(injected, "{}", error);
                        drop(std::mem::replace(&mut staging, life(&log)));
                    }
                }
            }
        }
        loop {
            match staging.close(log.tail()) {
                Ok(Some(done)) => { staged.insert((done.epoch, done.number), done.path); }
                Ok(None) => break,
                Err(error) => {
                    let injected = matches!(error, CheckpointError::Io { .. });
                    prop_assert!(injected, "{}", error);
                    drop(std::mem::replace(&mut staging, life(&log)));
                }
            }
        }
        prop_assert_eq!(log.used(), 0);
        let found: Vec<_> = staging.dir().files().unwrap();
        let names = names(dir.path());
        prop_assert_eq!(names.len(), found.len(), "nothing but staged deltas is left: {:?}", names);
        let found: std::collections::BTreeMap<_, _> =
            found.into_iter().map(|file| ((file.epoch, file.number), std::fs::read(file.path).unwrap())).collect();
        prop_assert!(found == expected, "{:?} instead of {:?}", found.keys(), expected.keys());
        prop_assert!(staged.keys().eq(expected.keys()), "each was announced");
    }
}

#[test]
fn a_full_file_system_is_an_error_that_can_be_overcome() {
    let (dir, log) = (tempfile::tempdir().unwrap(), log());
    let left = Arc::new(AtomicI64::new(1));
    let files = Box::new(Faulty { left: left.clone(), failure: Failure::Short });
    let mut staging = Staging::with_files(dir.path(), log.clone(), files).unwrap();
    DeltaSender::new(delta(1, 0, 1000)).step(&mut log.writer().unwrap());
    for _ in 0..3 {
        let error = staging.step().unwrap_err();
        assert!(matches!(error, CheckpointError::Io { step: "write", .. }), "{error}");
    }
    left.store(i64::MAX, Ordering::SeqCst);
    assert_eq!(staging.step().unwrap().map(|staged| (staged.epoch, staged.number)), Some((1, 0)));
    assert_eq!((names(dir.path()), log.used()), (vec!["1-0".to_owned()], 0));
}

#[test]
fn a_damaged_delta_is_refused_once_and_the_next_one_is_staged() {
    let (dir, log) = (tempfile::tempdir().unwrap(), log());
    let mut writer = log.writer().unwrap();
    // The first delta loses a bit on its way.
    let good = log_frames(&delta(1, 0, 1000));
    for (i, (kind, payload)) in good.iter().enumerate() {
        let mut payload = payload.clone();
        if i == 1 {
            payload[500] ^= 4;
        }
        writer.append(*kind, 0, &[&payload]).unwrap();
    }
    // Then chunks of nothing, a chunk of the wrong length, an unknown frame, the end of another delta.
    writer.append(KIND_DATA, 0, &[b"chunk of nothing"]).unwrap();
    writer.append(KIND_BEGIN, 0, &[&good[0].1]).unwrap();
    writer.append(KIND_DATA, 0, &[b"too short"]).unwrap();
    writer.append(KIND_BEGIN, 0, &[&good[0].1]).unwrap();
    writer.append(9, 0, &[]).unwrap();
    writer.append(KIND_BEGIN, 0, &[&good[0].1]).unwrap();
    writer.append(KIND_END, 0, &[&log_frames(&delta(1, 7, 1000))[2].1]).unwrap();
    writer.append(KIND_BEGIN, 0, &[b"short"]).unwrap();
    writer.append(KIND_BEGIN, 0, &[&[0xff; 32]]).unwrap();
    for (kind, payload) in log_frames(&delta(1, 1, 2000)) {
        writer.append(kind, 0, &[&payload]).unwrap();
    }
    writer.publish();
    let mut staging = Staging::open(dir.path(), log.clone()).unwrap();
    let mut refused = Vec::new();
    let staged = loop {
        match staging.step() {
            Ok(staged) => break staged.expect("the last one is whole"),
            Err(CheckpointError::Damaged { expected, .. }) => refused.push(expected),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!((staged.epoch, staged.number), (1, 1));
    assert_eq!(
        refused,
        [
            "the crc of the body",
            "the next chunk of the delta",
            "a frame of a delta",
            "the end of the delta that began",
            "the payload of a begin frame",
            "the length of a delta",
        ]
    );
    assert_eq!((names(dir.path()), log.used()), (vec!["1-1".to_owned()], 0));
    assert_eq!(staged.delta.to_bytes(), std::fs::read(&staged.path).unwrap());
}

fn log_frames(delta: &Delta) -> Vec<(u8, Vec<u8>)> {
    let log = log();
    DeltaSender::new(delta.clone()).step(&mut log.writer().unwrap());
    let (mut reader, mut frames) = (log.reader(0), Vec::new());
    while let Some(frame) = reader.next().unwrap() {
        frames.push((frame.kind, frame.payload.to_vec()));
    }
    frames
}

#[test]
fn a_delta_of_whole_chunks_has_no_empty_chunk() {
    let overhead = delta(1, 0, CHUNK).len() as usize - CHUNK;
    let delta = delta(1, 0, CHUNK - overhead);
    assert_eq!(delta.len() as usize, CHUNK);
    let (dir, log) = (tempfile::tempdir().unwrap(), log());
    DeltaSender::new(delta).step(&mut log.writer().unwrap());
    let mut staging = Staging::open(dir.path(), log).unwrap();
    assert!(staging.step().unwrap().is_some());
}

#[test]
fn an_uncommitted_delta_does_not_survive_a_fence() {
    let dir = tempfile::tempdir().unwrap();
    let stage = StageDir::create(dir.path()).unwrap();
    for name in ["2-15", "2-16", "3-16", "3-17", "4-17", "not ours", "03-17", "3-17.0-100.part"] {
        std::fs::write(dir.path().join(name), b"").unwrap();
    }
    // Epoch 3 reigns: of the two with the committed number, the later one is the committed one.
    let gone = stage.discard_uncommitted(Some(16), 3).unwrap();
    assert_eq!(gone.iter().map(|file| (file.epoch, file.number)).collect::<Vec<_>>(), [(2, 15), (2, 16), (4, 17)]);
    assert_eq!(stage.discard_uncommitted(Some(16), 4).unwrap().len(), 1);
    assert_eq!(stage.committed(16).unwrap().map(|file| file.epoch), Some(3));
    assert_eq!(names(dir.path()), ["03-17", "3-16", "3-17.0-100.part", "not ours"]);
    assert_eq!(stage.discard_applied(16).unwrap().len(), 1);
    assert_eq!(stage.committed(16).unwrap(), None);
    assert!(stage.discard_uncommitted(None, 9).unwrap().is_empty());
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let error = StageDir::create(Path::new("/nonexistent/stage")).unwrap_err();
    assert!(matches!(&error, CheckpointError::Io { path, .. } if path == Path::new("/nonexistent/stage")), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stage");
    std::fs::write(&file, b"").unwrap();
    assert!(StageDir::create(&file).is_err());
}

#[test]
fn a_keeper_that_died_before_its_last_trim_leaves_nothing_that_disturbs_the_next_one() {
    let (dir, log) = (tempfile::tempdir().unwrap(), log());
    DeltaSender::new(delta(1, 0, 1000)).step(&mut log.writer().unwrap());
    // Creates, writes, renames, and dies before it trims.
    let dying = || Box::new(Faulty { left: Arc::new(AtomicI64::new(2)), failure: Failure::Died });
    assert!(Staging::with_files(dir.path(), log.clone(), dying()).unwrap().step().is_err());
    assert_eq!(names(dir.path()), ["1-0"]);
    let mut next = Staging::open(dir.path(), log.clone()).unwrap();
    next.dir().discard_uncommitted(None, 2).unwrap();
    assert!(next.step().unwrap().is_none());
    assert_eq!((names(dir.path()).len(), log.used()), (0, 0));
}
