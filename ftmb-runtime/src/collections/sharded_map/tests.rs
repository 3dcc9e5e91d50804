//! The map against std's, its sections, and a restored map against the one that was captured.

use std::collections::HashMap as Model;

use proptest::prelude::*;

use super::{Entry, ShardedMap};
use crate::determinant::Word;
use crate::state::{Extent, PieceReader};
use crate::sync::tests::{panic_text, record};
use crate::sync::{Shared, Table, Walker};

struct Flows {
    flows: ShardedMap<u8, u64>,
}

impl Shared for Flows {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        walker.field("flows", &self.flows);
    }
}

const SHARDS: usize = 4;

fn table() -> Table<Flows> {
    Table::new(Flows { flows: ShardedMap::with_shard_amount(SHARDS) }, 1).unwrap()
}

#[derive(Debug, Clone)]
enum Op {
    Insert(u8, u64),
    Remove(u8),
    RemoveIf(u8, u64),
    RemoveIfMut(u8, u64),
    GetMut(u8, u64),
    EntryAdd(u8, u64),
    EntryInsert(u8, u64),
    EntryRemove(u8),
    EntryTry(u8, u64),
    Alter(u8, u64),
    AlterAll(u64),
    IterMut(u64),
    Retain(u64),
    Shrink,
    Clear,
    Capture,
}

fn op() -> impl Strategy<Value = Op> {
    let (key, value) = (|| 0u8..40, || 0u64..50);
    prop_oneof![
        12 => (key(), value()).prop_map(|(key, value)| Op::Insert(key, value)),
        6 => key().prop_map(Op::Remove),
        3 => (key(), value()).prop_map(|(key, value)| Op::RemoveIf(key, value)),
        3 => (key(), value()).prop_map(|(key, value)| Op::RemoveIfMut(key, value)),
        4 => (key(), value()).prop_map(|(key, value)| Op::GetMut(key, value)),
        6 => (key(), value()).prop_map(|(key, value)| Op::EntryAdd(key, value)),
        3 => (key(), value()).prop_map(|(key, value)| Op::EntryInsert(key, value)),
        3 => key().prop_map(Op::EntryRemove),
        2 => (key(), value()).prop_map(|(key, value)| Op::EntryTry(key, value)),
        3 => (key(), value()).prop_map(|(key, value)| Op::Alter(key, value)),
        1 => value().prop_map(Op::AlterAll),
        1 => value().prop_map(Op::IterMut),
        1 => (2u64..5).prop_map(Op::Retain),
        1 => Just(Op::Shrink),
        1 => Just(Op::Clear),
        3 => Just(Op::Capture),
    ]
}

fn apply(map: &ShardedMap<u8, u64>, op: &Op) -> Option<(u8, u64)> {
    match *op {
        Op::Insert(key, value) => map.insert(key, value).map(|old| (key, old)),
        Op::Remove(key) => map.remove(&key),
        Op::RemoveIf(key, limit) => map.remove_if(&key, |_, value| *value < limit),
        Op::RemoveIfMut(key, by) => map.remove_if_mut(&key, |_, value| {
            *value += by;
            value.is_multiple_of(2)
        }),
        Op::GetMut(key, by) => map.get_mut(&key).map(|mut entry| {
            *entry += by;
            (*entry.key(), *entry)
        }),
        Op::EntryAdd(key, by) => {
            let mut entry = map.entry(key).and_modify(|value| *value += by).or_default();
            *entry.value_mut() += 1;
            Some((*entry.pair().0, *entry.pair().1))
        }
        Op::EntryInsert(key, value) => Some((key, *map.entry(key).insert(value))),
        Op::EntryRemove(key) => match map.entry(key) {
            Entry::Occupied(entry) => Some(entry.remove_entry()),
            Entry::Vacant(entry) => Some((entry.into_key(), 0)),
        },
        Op::EntryTry(key, value) => {
            map.entry(key).or_try_insert_with(|| value.checked_sub(20).ok_or(())).ok().map(|entry| (key, *entry))
        }
        Op::Alter(key, by) => {
            map.alter(&key, |key, value| value + by + u64::from(*key));
            None
        }
        Op::AlterAll(by) => {
            map.alter_all(|_, value| value + by);
            None
        }
        Op::IterMut(by) => {
            map.iter_mut().for_each(|mut entry| *entry.value_mut() += by);
            None
        }
        Op::Retain(of) => {
            map.retain(|_, value| {
                *value /= 2;
                !value.is_multiple_of(of)
            });
            None
        }
        Op::Shrink => {
            map.shrink_to_fit();
            None
        }
        Op::Clear => {
            map.clear();
            None
        }
        Op::Capture => None,
    }
}

/// What std's map does in the place of `apply`.
fn apply_to_model(map: &mut Model<u8, u64>, op: &Op) -> Option<(u8, u64)> {
    match *op {
        Op::Insert(key, value) => map.insert(key, value).map(|old| (key, old)),
        Op::Remove(key) => map.remove_entry(&key),
        Op::RemoveIf(key, limit) => {
            map.get(&key).copied().filter(|value| *value < limit).and_then(|_| map.remove_entry(&key))
        }
        Op::RemoveIfMut(key, by) => {
            let value = map.get_mut(&key)?;
            *value += by;
            if value.is_multiple_of(2) { map.remove_entry(&key) } else { None }
        }
        Op::GetMut(key, by) => map.get_mut(&key).map(|value| {
            *value += by;
            (key, *value)
        }),
        Op::EntryAdd(key, by) => {
            let value = map.entry(key).and_modify(|value| *value += by).or_default();
            *value += 1;
            Some((key, *value))
        }
        Op::EntryInsert(key, value) => {
            map.insert(key, value);
            Some((key, value))
        }
        Op::EntryRemove(key) => Some(map.remove_entry(&key).unwrap_or((key, 0))),
        Op::EntryTry(key, value) => {
            if let Some(value) = value.checked_sub(20) {
                map.entry(key).or_insert(value);
            }
            map.get(&key).map(|value| (key, *value))
        }
        Op::Alter(key, by) => {
            map.entry(key).and_modify(|value| *value += by + u64::from(key));
            None
        }
        Op::AlterAll(by) | Op::IterMut(by) => {
            map.values_mut().for_each(|value| *value += by);
            None
        }
        Op::Retain(of) => {
            map.retain(|_, value| {
                *value /= 2;
                !value.is_multiple_of(of)
            });
            None
        }
        Op::Clear => {
            map.clear();
            None
        }
        Op::Shrink | Op::Capture => None,
    }
}

fn capture(table: &Table<Flows>, extent: Extent) -> Vec<Vec<u8>> {
    let of = |id| {
        let mut out = Vec::new();
        table.capture(id, extent, &mut out).unwrap();
        out
    };
    (0..table.len() as u32).map(of).collect()
}

fn restore(table: &Table<Flows>, pieces: &[Vec<u8>]) {
    for (id, bytes) in (0..).zip(pieces) {
        for piece in PieceReader::new(bytes) {
            table.restore(id, piece.unwrap()).unwrap();
        }
        table.restored(id).unwrap();
    }
}

fn entries(table: &Table<Flows>) -> Vec<(u8, u64)> {
    let mut entries = Vec::new();
    table.root().flows.peek_each(|key, value| entries.push((*key, *value)));
    entries
}

proptest! {
    /// Against std's map after every operation; against a twin that is restored from what captures say changed.
    #[test]
    fn it_behaves_as_stds_map_and_as_its_twin(ops in prop::collection::vec(op(), 1..60)) {
        let (master, twin) = (table(), table());
        restore(&twin, &capture(&master, Extent::All));
        let mut model = Model::new();
        for op in &ops {
            record(&master, |state| assert_eq!(apply(&state.flows, op), apply_to_model(&mut model, op), "{op:?}"));
            let mut found = entries(&master);
            record(&master, |state| {
                let walked: Vec<(u8, u64)> = state.flows.iter().map(|entry| (*entry.key(), *entry.value())).collect();
                assert_eq!((&walked, state.flows.len(), state.flows.is_empty()), (&found, model.len(), model.is_empty()));
                for key in 0..40 {
                    assert_eq!(state.flows.get(&key).map(|entry| *entry), model.get(&key).copied());
                    assert_eq!(state.flows.contains_key(&key), model.contains_key(&key));
                    assert_eq!(state.flows.view(&key, |_, value| *value), model.get(&key).copied());
                }
            });
            found.sort_unstable();
            let mut expected: Vec<(u8, u64)> = model.iter().map(|(key, value)| (*key, *value)).collect();
            expected.sort_unstable();
            assert_eq!(found, expected);
            if matches!(op, Op::Capture) {
                restore(&twin, &capture(&master, Extent::Changed));
                assert_eq!(entries(&twin), entries(&master));
            }
        }
        restore(&twin, &capture(&master, Extent::Changed));
        assert_eq!(entries(&twin), entries(&master));
        // The twin goes on as the master does.
        for op in &ops {
            record(&master, |state| _ = apply(&state.flows, op));
            record(&twin, |state| _ = apply(&state.flows, op));
            assert_eq!(entries(&twin), entries(&master));
        }
    }
}

#[test]
fn a_shard_is_a_variable_and_each_access_one_section_of_it() {
    let table = table();
    assert_eq!(
        (0..4).filter_map(|id| table.name(id)).collect::<Vec<_>>(),
        ["flows[0]", "flows[1]", "flows[2]", "flows[3]"]
    );
    assert_eq!(table.len(), SHARDS);
    let words = record(&table, |state| {
        state.flows.insert(1, 1);
        assert!(state.flows.get(&1).is_some() && state.flows.get_mut(&1).is_some());
        drop(state.flows.entry(1).or_default());
        assert_eq!(state.flows.len(), 1);
    });
    let shard = words[0].id();
    let (write, read) = (|count| Word::write(shard, count), |count| Word::read(shard, count));
    assert_eq!(words[..4], [write(0), read(1), write(2), write(3)]);
    let walk: Vec<u32> = words[4..].iter().map(|word| word.id()).collect();
    assert_eq!(walk, [0, 1, 2, 3]);
}

#[test]
fn the_shard_of_a_key_is_the_same_in_every_process() {
    // Known values: a change of them would send restored entries to shards where nobody looks for them.
    let map = ShardedMap::<u32, ()>::with_shard_amount(64);
    let of = |key: u32| map.shards.iter().position(|shard| std::ptr::eq(shard, map.shard(&key))).unwrap();
    assert_eq!([0, 1, 2, 3, 1000].map(of), [23, 6, 39, 35, 16]);
    let mut used = [0; 64];
    (0..6400).for_each(|key| used[of(key)] += 1);
    assert!(used.iter().all(|keys| (40..200).contains(keys)), "{used:?}");
}

#[test]
fn holding_an_entry_of_the_same_shard_panics_naming_both_places() {
    for attempt in 0..6 {
        let table = table();
        record(&table, |state| _ = state.flows.insert(7, 7));
        let text = panic_text(|| {
            record(&table, |state| {
                let flows = &state.flows;
                match attempt {
                    0 => drop((flows.get(&7), flows.insert(7, 8))),
                    1 => drop((flows.get_mut(&7), flows.get(&7).is_some())),
                    2 => drop((flows.entry(7), flows.len())),
                    3 => drop((flows.iter().find(|entry| *entry.key() == 7), flows.remove(&7))),
                    4 => drop((flows.iter_mut().find(|entry| *entry.key() == 7), flows.get(&7).is_some())),
                    _ => drop((flows.get_mut(&7), flows.iter().count())),
                }
            });
        });
        assert!(text.contains("`flows[") && text.contains("acquired a second time"), "{text}");
        assert_eq!(text.matches("sharded_map/tests.rs").count(), 2, "{text}");
    }
}

#[test]
fn readers_of_a_shard_nest_and_entries_outlive_the_iterator() {
    let table = table();
    record(&table, |state| {
        (0..20).for_each(|key| _ = state.flows.insert(key, u64::from(key)));
        let first = state.flows.get(&3).unwrap();
        let all: Vec<_> = state.flows.iter().collect();
        assert_eq!(all.iter().map(|entry| **entry).sum::<u64>(), 190);
        assert_eq!((*first, all.len()), (3, 20));
        drop((first, all));
        let mut all: Vec<_> = state.flows.iter_mut().collect();
        let last = *all[19];
        all.iter_mut().for_each(|entry| **entry += last);
        drop(all);
        state.flows.insert(99, 0);
    });
    assert_eq!(table.root().flows.peek_len(), 21);
}

#[test]
fn a_map_that_is_given_up_gives_its_entries_in_order() {
    let map: ShardedMap<u8, u64> = (0..20).map(|key| (key, 1)).collect();
    let walked: Vec<(u8, u64)> = map.iter().map(|entry| (*entry.key(), *entry)).collect();
    assert_eq!(map.into_iter().collect::<Vec<_>>(), walked);
}
