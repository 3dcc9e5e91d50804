//! Images: equal to a model after any deltas, also when the process dies at any write; whatever else the file is, an
//! error.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::checkpoint::tests::{OwnPiece, Plan, build, plan, summary};
use crate::checkpoint::{StageDir, Summary};

/// Lets the process die: at chosen writes the directory is copied as a death in the middle of that write would leave
/// it.
pub(super) mod crash {
    use std::cell::{Cell, RefCell};
    use std::io::ErrorKind::StorageFull;
    use std::path::{Path, PathBuf};

    use super::super::space::Space;
    use crate::log::LogError;

    struct Deaths {
        writes: u64,
        at: Vec<u64>,
        dir: PathBuf,
        graves: Vec<PathBuf>,
    }

    thread_local! {
        static DEATHS: RefCell<Option<Deaths>> = const { RefCell::new(None) };
        static FULL: Cell<bool> = const { Cell::new(false) };
    }

    /// Makes the file system full, or not.
    pub(super) fn full(full: bool) {
        FULL.set(full);
    }

    pub(in super::super) fn before_growth(path: &Path) -> Result<(), LogError> {
        if !FULL.get() {
            return Ok(());
        }
        Err(LogError::Io { path: path.into(), step: "fallocate", source: StorageFull.into() })
    }

    pub(in super::super) fn before_write(space: &mut Space, offset: usize, bytes: &[u8]) {
        DEATHS.with_borrow_mut(|deaths| {
            let Some(deaths) = deaths else { return };
            if deaths.at.contains(&deaths.writes) {
                let torn = deaths.writes as usize % (bytes.len() + 1);
                space.region.write(offset, &bytes[..torn]);
                let grave = deaths.dir.with_extension(deaths.graves.len().to_string());
                copy(&deaths.dir, &grave);
                deaths.graves.push(grave);
            }
            deaths.writes += 1;
        });
    }

    fn copy(from: &Path, to: &Path) {
        let _ = std::fs::remove_dir_all(to);
        std::fs::create_dir(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }

    /// Runs `run` and returns copies of `dir` from deaths at the given writes, and how many writes there were.
    pub(super) fn dying<R>(dir: &Path, at: Vec<u64>, run: impl FnOnce() -> R) -> (R, Vec<PathBuf>, u64) {
        DEATHS.set(Some(Deaths { writes: 0, at, dir: dir.into(), graves: Vec::new() }));
        let result = run();
        let deaths = DEATHS.take().unwrap();
        (result, deaths.graves, deaths.writes)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    pieces: BTreeMap<(u32, Vec<u8>), Vec<u8>>,
    counts: BTreeMap<u32, (u32, u32)>,
    cores: Vec<CorePoint>,
}

impl Model {
    fn apply(&mut self, complete: bool, plan: &Plan) {
        if complete {
            *self = Model::default();
        }
        for (id, pieces) in &plan.runs {
            for piece in pieces {
                match piece.clone() {
                    OwnPiece::Put(key, value) => drop(self.pieces.insert((*id, key), value)),
                    OwnPiece::Remove(key) => drop(self.pieces.remove(&(*id, key))),
                    OwnPiece::Clear(prefix) => self.pieces.retain(|(i, key), _| i != id || !key.starts_with(&prefix)),
                }
            }
        }
        for &(id, acq, base) in &plan.counts {
            self.counts.insert(id, (acq, base));
        }
        self.cores.clone_from(&plan.cores);
    }
}

fn contents(image: &Image) -> Model {
    let mut model = Model { cores: image.cores().to_vec(), ..Model::default() };
    for id in image.variables() {
        image.variable(id, |pieces| {
            for piece in pieces {
                let Piece::Put { key, value } = piece else { panic!("{piece:?} in an image") };
                assert!(model.pieces.insert((id, key.into()), value.into()).is_none(), "a key twice");
            }
        });
    }
    let counts = image.counts().filter(|count| (count.acq, count.base) != (0, 0));
    model.counts = counts.map(|count| (count.id, (count.acq, count.base))).collect();
    model
}

struct Fixture {
    dir: tempfile::TempDir,
    stage: StageDir,
}

impl Fixture {
    fn new() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let stage = StageDir::create(&dir.path().join("stage")).unwrap();
        std::fs::create_dir(dir.path().join("keeper")).unwrap();
        Fixture { dir, stage }
    }

    fn keeper(&self) -> PathBuf {
        self.dir.path().join("keeper")
    }

    fn image(&self) -> PathBuf {
        self.keeper().join("image")
    }

    fn stage(&self, number: u64, base: Option<u64>, plan: &Plan) -> super::super::delta::Delta {
        let delta = build(summary(number, base), plan);
        std::fs::write(self.stage.file(3, number), delta.to_bytes()).unwrap();
        delta
    }

    fn load(&self, path: &Path, committed: u64) -> Result<Image, CheckpointError> {
        Image::load(path, 0xfeed, committed, self.stage.path())
    }
}

fn step() -> impl Strategy<Value = (Plan, bool, bool, Vec<u64>)> {
    let deaths = proptest::collection::vec(0..80_u64, 3);
    (plan(5), prop::bool::weighted(0.1), prop::bool::weighted(0.2), deaths)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn an_image_equals_the_model_wherever_the_process_dies(steps in proptest::collection::vec(step(), 1..10)) {
        let fixture = Fixture::new();
        let mut image = Some(Image::create(&fixture.image(), 0xfeed).unwrap());
        let mut model = Model::default();
        for (number, (plan, complete, reopen, deaths)) in steps.into_iter().enumerate() {
            let number = number as u64;
            let base = if complete { None } else { number.checked_sub(1) };
            let delta = fixture.stage(number, base, &plan);
            model.apply(base.is_none(), &plan);
            let live = image.as_mut().unwrap();
            let (applied, graves, _) = crash::dying(&fixture.keeper(), deaths, || live.apply(&delta));
            prop_assert!(!matches!(applied.unwrap().compaction, Some(Err(_))));
            prop_assert_eq!(contents(live), model.clone());
            prop_assert_eq!(live.apply(&delta).unwrap().pieces, 0);
            for grave in graves {
                let loaded = fixture.load(&grave.join("image"), number).unwrap();
                prop_assert_eq!(contents(&loaded), model.clone(), "after a death in checkpoint {}", number);
                prop_assert_eq!(loaded.applied(), Some(number));
                drop(loaded);
                // Dying again while finishing, and finishing that.
                let again = grave.join("image");
                prop_assert_eq!(contents(&fixture.load(&again, number).unwrap()), model.clone());
            }
            if reopen {
                drop(image.take());
                image = Some(fixture.load(&fixture.image(), number).unwrap());
                prop_assert_eq!(contents(image.as_ref().unwrap()), model.clone());
            }
        }
    }

    #[test]
    fn a_damaged_image_is_an_error_and_no_other_state(
        first in plan(5), second in plan(5),
        pokes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let fixture = Fixture::new();
        let mut image = Image::create(&fixture.image(), 0xfeed).unwrap();
        let mut model = Model::default();
        for (number, plan) in [(0, &first), (1, &second)] {
            image.apply(&fixture.stage(number, number.checked_sub(1), plan)).unwrap();
            model.apply(number == 0, plan);
        }
        let end = image.end;
        drop(image);
        let mut bytes = std::fs::read(fixture.image()).unwrap();
        for (at, byte) in pokes {
            // The header page is mostly empty: half the pokes go to its first bytes.
            let at = if byte % 2 == 0 { at.index(192) } else { at.index(end) };
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(end));
        }
        std::fs::write(fixture.image(), &bytes).unwrap();
        // An older slot may lead to the same checkpoint by way of the staged delta; anything else is refused.
        if let Ok(image) = fixture.load(&fixture.image(), 1) {
            prop_assert_eq!(contents(&image), model);
        }
    }
}

fn put(key: &[u8], size: usize) -> OwnPiece {
    OwnPiece::Put(key.into(), vec![7; size])
}

fn of(runs: Vec<OwnPiece>) -> Plan {
    Plan { runs: vec![(1, runs)], cores: vec![CorePoint::default()], ..Plan::default() }
}

#[test]
fn every_write_of_an_apply_and_its_compaction_may_be_the_last() {
    let fixture = Fixture::new();
    let plans = [
        of((0..20).map(|i| put(&[i], 100)).collect()),
        // Outgrown, removed, cleared, and thereby compacted.
        of((0..20).map(|i| if i < 12 { put(&[i], 300) } else { OwnPiece::Remove(vec![i]) }).collect()),
        of([OwnPiece::Clear(vec![]), put(&[3], 10), put(&[200], 50)].into()),
    ];
    let (mut model, mut compactions) = (Model::default(), 0);
    let mut image = Image::create(&fixture.image(), 0xfeed).unwrap();
    for (number, plan) in plans.iter().enumerate() {
        let number = number as u64;
        let delta = fixture.stage(number, number.checked_sub(1), plan);
        model.apply(number == 0, plan);
        let all = (0..1000).collect();
        let (applied, graves, writes) = crash::dying(&fixture.keeper(), all, || image.apply(&delta).unwrap());
        compactions += u32::from(matches!(applied.compaction, Some(Ok(()))));
        assert_eq!(graves.len() as u64, writes);
        for (i, grave) in graves.iter().enumerate() {
            let path = grave.join("image");
            let half = Image::open(&path, 0xfeed).unwrap();
            assert!(half.applied() <= Some(number));
            drop(half);
            let loaded = fixture.load(&path, number).unwrap();
            assert_eq!(contents(&loaded), model, "after a death in write {i} of checkpoint {number}");
            assert!(!grave.join("image.compact").exists());
        }
    }
    assert_eq!(compactions, 1);
}

#[test]
fn an_image_that_is_not_the_committed_checkpoint_is_refused() {
    let fixture = Fixture::new();
    let path = fixture.image();
    let mut image = Image::create(&path, 0xfeed).unwrap();
    let first = fixture.stage(0, None, &of(vec![put(b"k", 1)]));
    image.apply(&first).unwrap();
    let next = build(summary(2, Some(1)), &Plan::default());
    assert!(matches!(
        image.apply(&next),
        Err(CheckpointError::WrongBase { number: 2, base: Some(1), applied: Some(0), .. })
    ));
    let foreign = build(Summary { fingerprint: 1, ..summary(1, Some(0)) }, &Plan::default());
    assert!(matches!(image.apply(&foreign), Err(CheckpointError::Mismatch { what: "fingerprint", .. })));
    let wider = build(Summary { variables: 6, ..summary(1, Some(0)) }, &Plan::default());
    assert!(matches!(
        image.apply(&wider),
        Err(CheckpointError::Mismatch { what: "variables", expected: 5, found: 6, .. })
    ));
    drop(image);
    let refused = fixture.load(&path, 1).unwrap_err();
    assert!(matches!(refused, CheckpointError::NotCommitted { committed: 1, applied: Some(0), .. }), "{refused}");
    std::fs::write(fixture.stage.file(3, 1), next.to_bytes()).unwrap();
    assert!(matches!(fixture.load(&path, 1), Err(CheckpointError::Mismatch { what: "number", .. })));
    fixture.stage(1, Some(0), &Plan::default());
    drop(fixture.load(&path, 1).unwrap());
    assert!(matches!(fixture.load(&path, 0), Err(CheckpointError::NotCommitted { applied: Some(1), .. })));
}

#[test]
fn files_that_are_no_image_of_this_program_are_refused() {
    let fixture = Fixture::new();
    let path = fixture.image();
    drop(Image::create(&path, 0xfeed).unwrap());
    assert!(matches!(Image::open(&path, 1), Err(CheckpointError::Mismatch { what: "fingerprint", position: 16, .. })));
    let good = std::fs::read(&path).unwrap();
    let open = |at: usize, byte: u8, len: usize| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        std::fs::write(&path, &bytes[..len]).unwrap();
        Image::open(&path, 0xfeed).unwrap_err()
    };
    assert!(matches!(open(0, b'F', good.len()), CheckpointError::Foreign { .. }));
    assert!(matches!(open(8, 2, good.len()), CheckpointError::Mismatch { what: "version", found: 2, .. }));
    assert!(matches!(open(12, good[12] ^ 1, good.len()), CheckpointError::Damaged { position: 12, .. }));
    assert!(matches!(open(0, good[0], 100), CheckpointError::Truncated { found: 100, .. }));
    assert!(matches!(open(0, good[0], 0), CheckpointError::Log(crate::log::LogError::Truncated { .. })));
    // The only slot written so far is the second.
    assert!(matches!(open(128, 9, good.len()), CheckpointError::Damaged { position: 64, .. }));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Image::open(&path, 0xfeed), Err(CheckpointError::Log(_))));
}

#[test]
fn one_process_changes_an_image_and_others_read_it_when_it_is_at_rest() {
    let fixture = Fixture::new();
    let path = fixture.image();
    let mut keeper = Image::create(&path, 0xfeed).unwrap();
    keeper.apply(&fixture.stage(0, None, &of(vec![put(b"k", 1)]))).unwrap();
    assert!(matches!(Image::open(&path, 0xfeed), Err(CheckpointError::Busy { .. })));
    let mut reader = fixture.load(&path, 0).unwrap();
    assert!(keeper.is_writable() && !reader.is_writable());
    assert_eq!(contents(&reader), contents(&keeper));
    let next = fixture.stage(1, Some(0), &of(vec![put(b"l", 1)]));
    assert!(matches!(reader.apply(&next), Err(CheckpointError::Busy { .. })));
    assert!(matches!(fixture.load(&path, 1), Err(CheckpointError::Busy { applied: Some(0), .. })));
    keeper.apply(&next).unwrap();
    assert_eq!(contents(&fixture.load(&path, 1).unwrap()), contents(&keeper));
    // Once the keeper is gone, one that was only read may be continued, unless the keeper went on before.
    let (mut stale, mut fresh) = (reader, fixture.load(&path, 1).unwrap());
    drop(keeper);
    let last = fixture.stage(2, Some(1), &of(vec![put(b"m", 1)]));
    assert!(matches!(stale.apply(&next), Err(CheckpointError::Busy { applied: Some(0), .. })));
    fresh.apply(&last).unwrap();
    assert!(fresh.is_writable());
    drop(fresh);
    assert!(fixture.load(&path, 2).unwrap().is_writable());
}

#[test]
fn a_committed_complete_checkpoint_makes_the_image_that_its_keeper_had_not_made() {
    let fixture = Fixture::new();
    let plan = of(vec![put(b"k", 1)]);
    let missing = |result| matches!(result, Err(CheckpointError::Log(crate::log::LogError::Io { step: "open", .. })));
    assert!(missing(fixture.load(&fixture.image(), 0)));
    fixture.stage(0, None, &plan);
    assert_eq!(contents(&fixture.load(&fixture.image(), 0).unwrap()).pieces.len(), 1);
    // One that continues another checkpoint cannot stand in for an image that is gone.
    std::fs::remove_file(fixture.image()).unwrap();
    fixture.stage(1, Some(0), &plan);
    assert!(missing(fixture.load(&fixture.image(), 1)));
    assert!(!fixture.image().exists());
}

#[test]
fn a_half_way_image_takes_only_the_delta_that_it_was_given() {
    let fixture = Fixture::new();
    let mut image = Image::create(&fixture.image(), 0xfeed).unwrap();
    image.apply(&fixture.stage(0, None, &of(vec![put(b"k", 1)]))).unwrap();
    let next = fixture.stage(1, Some(0), &of(vec![put(b"k", 2)]));
    let (_, graves, _) = crash::dying(&fixture.keeper(), vec![2], || image.apply(&next).unwrap());
    let mut half = Image::open(&graves[0].join("image"), 0xfeed).unwrap();
    assert_eq!((half.applied(), half.begun(), half.cores().len()), (Some(0), Some(1), 0));
    let other = build(summary(2, Some(0)), &Plan::default());
    assert!(matches!(half.apply(&other), Err(CheckpointError::WrongBase { number: 2, .. })));
    half.apply(&next).unwrap();
    assert_eq!(contents(&half), contents(&image));
}

#[test]
fn slots_that_come_and_go_do_not_make_an_image_grow() {
    let fixture = Fixture::new();
    let mut image = Image::create(&fixture.image(), 0xfeed).unwrap();
    let there = of((0..100).map(|i| put(&[i], 40)).collect());
    let gone = of((0..100).map(|i| OwnPiece::Remove(vec![i])).collect());
    image.apply(&build(summary(0, None), &there)).unwrap();
    let end = image.end;
    for number in 1..100 {
        let plan = if number % 2 == 0 { &there } else { &gone };
        image.apply(&build(summary(number, Some(number - 1)), plan)).unwrap();
    }
    assert!(image.end <= end, "{} bytes instead of {end}", image.end);
}

#[test]
fn a_full_file_system_is_an_error_and_the_checkpoint_is_not_lost() {
    let fixture = Fixture::new();
    let mut image = Image::create(&fixture.image(), 0xfeed).unwrap();
    let mut model = Model::default();
    let first = of((0..100).map(|i| put(&[i], 10)).collect());
    crash::full(true);
    image.apply(&fixture.stage(0, None, &first)).unwrap();
    model.apply(true, &first);
    // Some of it fits, the rest does not.
    let second = of((0..100).map(|i| put(&[i], if i < 50 { 9 } else { 3000 })).collect());
    let delta = fixture.stage(1, Some(0), &second);
    model.apply(false, &second);
    for _ in 0..2 {
        let error = image.apply(&delta).unwrap_err();
        assert!(matches!(error, CheckpointError::Log(crate::log::LogError::Io { step: "fallocate", .. })), "{error}");
        assert_eq!((image.applied(), image.begun()), (Some(0), Some(1)));
    }
    // A complete one does not fit at all, and changes nothing.
    let complete = build(summary(1, None), &of(vec![put(b"k", 1 << 20)]));
    assert!(image.apply(&complete).is_err());
    assert_eq!((image.applied(), image.begun()), (Some(0), Some(1)));
    drop(image);
    assert!(fixture.load(&fixture.image(), 1).is_err());
    crash::full(false);
    assert_eq!(contents(&fixture.load(&fixture.image(), 1).unwrap()), model);
}

#[test]
fn a_compaction_that_fails_is_reported_and_leaves_the_image_as_it_was() {
    let fixture = Fixture::new();
    let mut image = Image::create(&fixture.image(), 0xfeed).unwrap();
    std::fs::create_dir(fixture.keeper().join("image.compact")).unwrap();
    let plan = of((0..100).map(|i| put(&[i], 40)).collect());
    image.apply(&build(summary(0, None), &plan)).unwrap();
    let gone = of((0..90).map(|i| OwnPiece::Remove(vec![i])).collect());
    let applied = image.apply(&build(summary(1, Some(0)), &gone)).unwrap();
    assert!(matches!(applied.compaction, Some(Err(CheckpointError::Log(_)))));
    assert_eq!(contents(&image).pieces.len(), 10);
    let applied = image.apply(&build(summary(2, Some(1)), &of(vec![]))).unwrap();
    assert!(applied.compaction.is_none(), "not tried again at once");
    assert_eq!(contents(&fixture.load(&fixture.image(), 2).unwrap()), contents(&image));
}

#[test]
fn keeper_and_loader_may_be_any_thread() {
    fn sendable<T: Send>() {}
    sendable::<Image>();
    sendable::<crate::checkpoint::Staging>();
    sendable::<crate::checkpoint::DeltaSender>();
}
