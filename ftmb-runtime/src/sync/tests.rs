//! Tracked types: what they record, what they refuse, and that nobody shares a section.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::crew::Crew;
use crate::determinant::{DrawTag, Word};
use crate::log::{Log, LogKind, LogSpec};
use crate::recorder::Core;
use crate::replayer::Replayer;
use crate::state::{Extent, PieceReader};

mod shapes;

struct State {
    a: Mutex<u64>,
    b: RwLock<Vec<u32>>,
    c: AtomicU64,
    d: Tracked<u32>,
    e: Counter,
    f: PerCore<u64>,
}

impl Shared for State {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        walker.field("a", &self.a);
        walker.field("b", &self.b);
        walker.field("c", &self.c);
        walker.field("d", &self.d);
        walker.field("e", &self.e);
        walker.field("f", &self.f);
    }
}

const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;
const D: u32 = 3;

fn table() -> Table<State> {
    let state = State {
        a: Mutex::new(1),
        b: RwLock::new(vec![2]),
        c: AtomicU64::new(3),
        d: Tracked::new(4),
        e: Counter::new(),
        f: PerCore::new(5),
    };
    Table::new(state, 2).unwrap()
}

fn log() -> Log {
    Log::anonymous(LogSpec { kind: LogKind::Det, capacity: 1 << 20, fingerprint: 0 }).unwrap()
}

fn core_on(index: usize, crew: &Arc<Crew>, log: &Log) -> Core {
    Core::new(index, 2, crew.clone(), log.word_writer(), crate::rng::seeded(1, index), 1)
}

/// Runs packet code on a core and returns the words it recorded.
pub(crate) fn record<M>(table: &Table<M>, work: impl FnOnce(&M)) -> Vec<Word> {
    let log = log();
    let core = core_on(0, &Arc::new(Crew::new(None)), &log);
    current::enter(&core, || work(table.root()));
    core.det.publish();
    (0..log.tail()).map(|at| Word(log.word_reader().get(at).unwrap())).collect()
}

pub(crate) fn panic_text(work: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err("it panics");
    payload.downcast_ref::<String>().cloned().or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string())).unwrap()
}

#[test]
fn a_core_is_current_only_inside_enter() {
    let core = core_on(1, &Arc::new(Crew::new(None)), &log());
    assert!(!current::in_input());
    current::enter(&core, || assert_eq!(current::with(|core| core.map(|core| core.index)), Some(1)));
    assert!(!current::in_input());
    let _ = catch_unwind(AssertUnwindSafe(|| current::enter(&core, || panic!("unwinds"))));
    assert!(!current::in_input());
}

#[test]
fn a_lone_section_is_one_narrow_word() {
    let words = record(&table(), |state| {
        *state.a.lock().unwrap() += 1;
        assert_eq!(state.b.read().unwrap().len(), 1);
        state.b.write().unwrap().push(3);
        assert_eq!(state.b.read().unwrap().len(), 2);
        state.c.fetch_add(1, Relaxed);
        state.d.set(state.d.get() + 1);
        state.e.add(1);
        *state.f.borrow_mut() += 1;
    });
    let expected = [
        Word::write(A, 0),
        Word::read(B, 0),
        Word::write(B, 1),
        Word::read(B, 2),
        Word::write(C, 0),
        Word::read(D, 0),
        Word::write(D, 1),
    ];
    assert_eq!(words, expected);
}

#[test]
fn nested_sections_are_wide_in_whatever_order_the_guards_drop() {
    let nested = record(&table(), |state| {
        let outer = state.a.lock().unwrap();
        let inner = state.b.read().unwrap();
        drop(inner);
        drop(outer);
    });
    assert_eq!(nested, [Word::write(A, 0).widen(), Word::read(B, 0), Word::exit(A, 1)]);
    let crossed = record(&table(), |state| {
        let first = state.a.lock().unwrap();
        let second = state.b.read().unwrap();
        drop(first);
        drop(second);
    });
    assert_eq!(crossed, [Word::write(A, 0).widen(), Word::read(B, 0).widen(), Word::exit(A, 1), Word::exit(B, 0)]);
}

#[test]
fn draws_failed_tries_and_downgrades_are_recorded() {
    let table = table();
    let held = table.root().a.peek();
    let words = record(&table, |state| {
        let guard = state.b.write().unwrap();
        assert!(state.a.try_lock().is_err());
        let guard = RwLockWriteGuard::downgrade(guard);
        assert_eq!(guard.len(), 1);
        drop(guard);
        assert!(crate::time::real().as_nanos() > 0);
    });
    drop(held);
    assert_eq!(words[..3], [Word::write(B, 0).widen(), Word::draw(DrawTag::FailedTry as u32, 1), Word(u64::from(A))]);
    assert_eq!(words[3..5], [Word::exit(B, 1), Word::read(B, 1)]);
    assert_eq!((words[5], words.len()), (Word::draw(DrawTag::RealTime as u32, 1), 7));
}

#[test]
fn a_second_acquisition_panics_naming_both_places() {
    for attempt in 0..5 {
        let table = table();
        let text = panic_text(|| {
            record(&table, |state| match attempt {
                0 => drop((state.a.lock(), state.a.lock())),
                1 => drop((state.b.read(), state.b.write())),
                2 => drop((state.b.write(), state.b.read())),
                3 => drop((state.d.read(), state.d.write())),
                _ => drop((state.b.write(), state.b.write())),
            });
        });
        assert_eq!(text.matches("sync/tests.rs").count(), 2, "{text}");
        assert!(text.contains("acquired a second time"), "{text}");
    }
    record(&table(), |state| drop((state.b.read(), state.b.read(), state.d.read(), state.d.read())));
}

#[test]
fn tracked_state_is_refused_outside_of_inputs_and_peek_inside() {
    let table = table();
    let text = panic_text(|| drop(table.root().a.lock()));
    assert!(text.contains("`a` was accessed outside of packet, tick and control code"), "{text}");
    assert!(panic_text(|| table.root().c.store(1, Relaxed)).contains("`c` was accessed outside"));
    assert!(panic_text(|| table.root().e.add(1)).contains("`e` was accessed outside"));
    let inside = panic_text(|| {
        record(&table, |state| drop(state.a.peek()));
    });
    assert!(inside.contains("`a` was peeked at in packet"), "{inside}");
    let stray = Mutex::new(1);
    let unreachable = panic_text(|| {
        record(&table, |_| drop(stray.lock()));
    });
    assert!(unreachable.contains("not reachable from the middlebox's shared state"), "{unreachable}");
}

#[test]
fn peek_sees_the_value_and_counts_nothing() {
    let table = table();
    record(&table, |state| *state.a.lock().unwrap() = 9);
    assert_eq!((*table.root().a.peek(), table.root().b.peek().len(), *table.root().d.peek()), (9, 1, 4));
    assert_eq!(table.counts(A), Some((1, 1)));
}

#[test]
fn per_core_copies_are_independent() {
    let table = table();
    let crew = Arc::new(Crew::new(None));
    for index in [0, 1, 1] {
        current::enter(&core_on(index, &crew, &log()), || *table.root().f.borrow_mut() += 1);
    }
    assert_eq!((table.root().f.peek(0, |v| *v), table.root().f.peek(1, |v| *v)), (6, 7));
}

/// Two threads as cores 0 and 1 of one instance; returns their logs.
fn race(table: &Table<State>, rounds: u32, work: impl Fn(&State, u32) + Sync) -> [Log; 2] {
    let crew = Arc::new(Crew::new(None));
    let logs = [log(), log()];
    std::thread::scope(|scope| {
        for (index, log) in logs.iter().enumerate() {
            let (crew, work) = (&crew, &work);
            scope.spawn(move || {
                let core = core_on(index, crew, log);
                for round in 0..rounds {
                    current::enter(&core, || work(table.root(), round));
                }
                core.det.publish();
            });
        }
    });
    logs
}

#[test]
fn two_cores_never_share_a_section() {
    let table = table();
    race(&table, 5_000, |state, round| {
        let mut a = state.a.lock().unwrap();
        let seen = *a;
        std::hint::spin_loop();
        *a = seen + 1;
        drop(a);
        if round.is_multiple_of(3) {
            let mut b = state.b.write().unwrap();
            let (before, top) = (b.len(), b[b.len() - 1]);
            b.push(top + 1);
            assert_eq!(b.len(), before + 1);
        } else {
            let b = state.b.read().unwrap();
            assert_eq!(b[b.len() - 1] as usize, b.len() + 1);
        }
        *state.d.write() += 1;
    });
    assert_eq!((*table.root().a.peek(), *table.root().d.peek()), (10_001, 10_004));
}

#[test]
fn atomics_lose_no_update_on_two_cores() {
    let table = table();
    race(&table, 5_000, |state, _| {
        state.c.fetch_add(1, Relaxed);
        let _ = state.c.fetch_update(Relaxed, Relaxed, |v| Some(v + 1));
    });
    assert_eq!(table.root().c.peek(), 20_003);
}

#[test]
fn replay_takes_the_sections_in_the_logged_order() {
    let work = |state: &State, round: u32| {
        let mut a = state.a.lock().unwrap();
        let b = state.b.read().unwrap()[0];
        *a = a.wrapping_mul(31).wrapping_add(u64::from(b + round) + current::with(|core| core.unwrap().index as u64));
        drop(a);
        if round.is_multiple_of(5) {
            let v = state.b.peek_len_for_test();
            state.b.write().unwrap()[0] += v;
        }
        if let Ok(mut c) = state.a.try_lock() {
            *c += 1;
        }
        state.c.fetch_add(state.d.get().into(), Relaxed);
    };
    let recorded = table();
    let old = race(&recorded, 2_000, work);
    let twin = table();
    let crew = Arc::new(Crew::new(None));
    let cores: Vec<(Core, Log)> = old
        .iter()
        .enumerate()
        .map(|(index, old)| {
            let new = log();
            let core = core_on(index, &crew, &new);
            crew.enter_cut();
            core.replay(Replayer::new(old.word_reader(), 0, old.tail()));
            (core, new)
        })
        .collect();
    std::thread::scope(|scope| {
        for (core, _) in cores.iter().map(|pair| (AssertSend(&pair.0), &pair.1)) {
            let twin = &twin;
            scope.spawn(move || {
                let core = core;
                for round in 0..2_000 {
                    current::enter(core.0, || work(twin.root(), round));
                }
                core.0.det.publish();
            });
        }
    });
    assert_eq!(crew.divergence(), None);
    assert_eq!(*recorded.root().a.peek(), *twin.root().a.peek());
    for (old, (_, new)) in old.iter().zip(&cores) {
        assert_eq!(old.tail(), new.tail());
        assert!((0..old.tail()).all(|at| old.word_reader().get(at).unwrap() == new.word_reader().get(at).unwrap()));
    }
}

/// A core that is used by one thread only, after it was made on another.
struct AssertSend<'a>(&'a Core);
// SAFETY: in the test above each core is touched by exactly one thread between its making and the join. Test: that one.
unsafe impl Send for AssertSend<'_> {}

impl RwLock<Vec<u32>> {
    fn peek_len_for_test(&self) -> u32 {
        self.read().unwrap().len() as u32
    }
}

#[test]
fn replay_of_other_code_diverges() {
    let recorded = table();
    let words = log();
    let crew = Arc::new(Crew::new(None));
    let core = core_on(0, &crew, &words);
    current::enter(&core, || {
        *recorded.root().a.lock().unwrap() += 1;
        let _ = recorded.root().b.read().unwrap().len();
    });
    core.det.publish();
    let wrong: [fn(&State); 4] = [
        |state| drop(state.b.read()),
        |state| drop((state.a.lock(), state.b.read())),
        |state| {
            drop(state.a.lock());
            drop(state.b.write());
        },
        |state| {
            drop(state.a.lock());
            crate::time::real();
        },
    ];
    for work in wrong {
        let (twin, crew) = (table(), Arc::new(Crew::new(None)));
        let core = core_on(0, &crew, &log());
        crew.enter_cut();
        core.replay(Replayer::new(words.word_reader(), 0, words.tail()));
        let ended = catch_unwind(AssertUnwindSafe(|| current::enter(&core, || work(twin.root()))));
        assert!(ended.is_err());
        assert!(crew.divergence().is_some());
    }
}

#[test]
fn a_capture_restores_to_an_equal_twin() {
    let (master, twin) = (table(), table());
    let all = |table: &Table<State>, extent| {
        (0..table.len() as u32)
            .map(|id| {
                let mut out = Vec::new();
                table.capture(id, extent, &mut out).unwrap();
                out
            })
            .collect::<Vec<_>>()
    };
    let restore = |pieces: Vec<Vec<u8>>| {
        for (id, bytes) in pieces.iter().enumerate() {
            for piece in PieceReader::new(bytes) {
                twin.restore(id as u32, piece.unwrap()).unwrap();
            }
            twin.restored(id as u32).unwrap();
        }
    };
    restore(all(&master, Extent::All));
    record(&master, |state| {
        *state.a.lock().unwrap() = 77;
        state.b.write().unwrap().push(8);
        state.d.set(9);
        state.e.add(3);
        *state.f.borrow_mut() = 11;
        assert_eq!(state.c.load(Relaxed), 3);
    });
    let changed = all(&master, Extent::Changed);
    assert!(changed[C as usize].is_empty(), "only read");
    restore(changed);
    assert_eq!(all(&master, Extent::All), all(&twin, Extent::All));
    assert!(all(&master, Extent::Changed).iter().all(Vec::is_empty));
}

#[test]
fn a_table_moves_between_threads() {
    let table = table();
    let name = std::thread::spawn(move || {
        assert_eq!(*table.root().a.peek(), 1);
        table.name(A).unwrap().to_string()
    });
    assert_eq!(name.join().unwrap(), "a");
}
