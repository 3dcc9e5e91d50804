//! Other shapes of the same locks: parking_lot's, and guards of a part of the value.

use std::sync::mpsc;

use super::{panic_text, record};
use crate::determinant::{DrawTag, Word};
use crate::state::Extent;
use crate::sync::*;

struct Shapes {
    a: bare::Mutex<(u64, u64)>,
    b: bare::RwLock<Vec<u32>>,
}

impl Shared for Shapes {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        walker.field("a", &self.a);
        walker.field("b", &self.b);
    }
}

const A: u32 = 0;
const B: u32 = 1;

fn table() -> Table<Shapes> {
    Table::new(Shapes { a: bare::Mutex::new((1, 2)), b: bare::RwLock::new(vec![3, 4]) }, 1).unwrap()
}

fn capture(table: &Table<Shapes>, id: u32) -> Vec<u8> {
    let mut out = Vec::new();
    table.capture(id, Extent::Changed, &mut out).unwrap();
    out
}

#[test]
fn a_bare_lock_is_the_variable_that_it_wraps() {
    let table = table();
    assert_eq!((table.name(A), table.name(B)), (Some("a"), Some("b")));
    let words = record(&table, |state| {
        state.a.lock().0 += 1;
        assert_eq!(state.b.read_recursive().len(), 2);
        let mut guard = state.b.write();
        guard.push(5);
        let guard = RwLockWriteGuard::downgrade(guard);
        assert_eq!((guard.len(), state.b.try_write().is_none()), (3, true));
        drop(guard);
        assert!(state.a.try_lock().is_some() && state.b.try_read().is_some());
    });
    let expected = [
        Word::write(A, 0),
        Word::read(B, 0),
        Word::write(B, 1),
        Word::read(B, 2).widen(),
        Word::draw(DrawTag::FailedTry as u32, 1),
        Word(u64::from(B)),
        Word::exit(B, 2),
        Word::write(A, 1),
        Word::read(B, 2),
    ];
    assert_eq!(words, expected);
    assert_eq!((*table.root().a.peek(), table.root().b.peek().len()), ((2, 2), 3));
}

#[test]
fn a_bare_lock_refuses_what_the_lock_refuses() {
    let table = table();
    let text = panic_text(|| {
        record(&table, |state| drop((state.a.lock(), state.a.lock())));
    });
    assert_eq!(text.matches("tests/shapes.rs").count(), 2, "{text}");
    let outside = panic_text(|| drop(table.root().b.read()));
    assert!(outside.contains("`b` was accessed outside of packet"), "{outside}");
}

#[test]
fn a_mapped_guard_is_the_section_of_the_whole() {
    let table = table();
    let words = record(&table, |state| {
        let second = MutexGuard::map(state.a.lock(), |pair| &mut pair.1);
        assert!(state.a.try_lock().is_none());
        assert_eq!(*second, 2);
        drop(second);
        let last = RwLockReadGuard::try_map(state.b.read(), |list| list.last()).unwrap();
        assert_eq!((*last, state.b.read().len()), (4, 2));
        drop(last);
        let guard = RwLockWriteGuard::try_map(state.b.write(), |list| list.get_mut(9)).unwrap_err();
        assert_eq!(*guard, [3, 4]);
        let tail = RwLockWriteGuard::map(guard, |list| &mut list[1..]);
        assert_eq!(*tail, [4]);
        let tail = MappedRwLockWriteGuard::try_map(tail, |tail| tail.get_mut(7)).unwrap_err();
        let last = MappedRwLockWriteGuard::map(tail, |tail| &mut tail[0]);
        assert_eq!(last.to_string(), "4");
    });
    let expected = [
        Word::write(A, 0).widen(),
        Word::draw(DrawTag::FailedTry as u32, 1),
        Word(u64::from(A)),
        Word::exit(A, 1),
        Word::read(B, 0).widen(),
        Word::read(B, 0),
        Word::exit(B, 0),
        Word::write(B, 2),
    ];
    assert_eq!(words, expected);
}

#[test]
fn a_second_section_beside_a_mapped_guard_names_both_places() {
    for attempt in 0..3 {
        let table = table();
        let text = panic_text(|| {
            record(&table, |state| match attempt {
                0 => drop((MutexGuard::map(state.a.lock(), |pair| &mut pair.0), state.a.lock())),
                1 => drop((RwLockReadGuard::map(state.b.read(), |list| &list[0]), state.b.write())),
                _ => drop((RwLockWriteGuard::map(state.b.write(), |list| &mut list[0]), state.b.read())),
            });
        });
        assert_eq!(text.matches("tests/shapes.rs").count(), 2, "{text}");
    }
}

#[test]
fn a_change_through_a_mapped_guard_is_captured() {
    let table = table();
    record(&table, |state| drop(RwLockReadGuard::map(state.b.read(), |list| &list[0])));
    assert!(capture(&table, A).is_empty() && capture(&table, B).is_empty());
    record(&table, |state| {
        *MutexGuard::map(state.a.lock(), |pair| &mut pair.1) = 9;
        *RwLockWriteGuard::map(state.b.write(), |list| &mut list[1]) = 8;
    });
    assert!(!capture(&table, A).is_empty() && !capture(&table, B).is_empty());
    assert_eq!((table.root().a.peek().1, table.root().b.peek()[1]), (9, 8));
}

#[test]
fn a_mapped_guard_keeps_others_out_until_it_is_dropped() {
    let lock = RwLock::new(vec![1, 2]);
    let (entered, enters) = mpsc::channel();
    std::thread::scope(|scope| {
        let mut first = RwLockWriteGuard::map(lock.write().unwrap(), |list| &mut list[0]);
        let lock = &lock;
        scope.spawn(move || {
            let seen = lock.read().unwrap()[0];
            entered.send(seen).unwrap();
        });
        for value in 2..1000 {
            assert!(enters.try_recv().is_err());
            *first = value;
        }
        drop(first);
        assert_eq!(enters.recv().unwrap(), 999);
    });
}

#[test]
fn parts_of_a_value_share_one_section() {
    let table = table();
    let words = record(&table, |state| {
        let mut parts = RwLockWriteGuard::into_parts(state.b.write(), |list| list.iter_mut().collect());
        let mut last = parts.pop().unwrap();
        for part in &mut parts {
            **part += *last;
        }
        drop(parts);
        *last += 1;
        assert!(state.b.try_read().is_none());
        drop(last);
        assert_eq!(*state.b.read(), [7, 5]);
    });
    let of_b: Vec<Word> = words.into_iter().filter(|word| !matches!(*word, Word(raw) if raw == u64::from(B))).collect();
    assert_eq!(of_b[0], Word::write(B, 0).widen());
    assert_eq!(of_b.last(), Some(&Word::read(B, 1)));
}
