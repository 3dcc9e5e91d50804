//! The map against std's, and a restored map against the one that was captured.

use std::collections::HashMap as Model;

use proptest::prelude::*;

use super::HashMap;
use crate::state::{Extent, Piece, PieceReader, PieceWriter, Place, State, StateError, whole};

type Map = HashMap<u8, String>;

#[derive(Debug, Clone)]
enum Op {
    Insert(u8, u8),
    Remove(u8),
    Append(u8, u8),
    OrInsert(u8, u8),
    AndModify(u8),
    EntryRemove(u8),
    Retain(u8),
    AppendAll(u8),
    Reserve(u8),
    Shrink,
    Clear,
    Drain,
    Refill,
    Capture(Extent, bool),
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0u8..48;
    prop_oneof![
        12 => (key(), any::<u8>()).prop_map(|(key, value)| Op::Insert(key, value)),
        10 => key().prop_map(Op::Remove),
        6 => (key(), any::<u8>()).prop_map(|(key, value)| Op::Append(key, value)),
        6 => (key(), any::<u8>()).prop_map(|(key, value)| Op::OrInsert(key, value)),
        3 => key().prop_map(Op::AndModify),
        3 => key().prop_map(Op::EntryRemove),
        2 => (2u8..7).prop_map(Op::Retain),
        1 => any::<u8>().prop_map(Op::AppendAll),
        1 => any::<u8>().prop_map(Op::Reserve),
        1 => Just(Op::Shrink),
        1 => Just(Op::Clear),
        1 => Just(Op::Drain),
        1 => Just(Op::Refill),
        5 => any::<bool>().prop_map(|reversed| Op::Capture(Extent::Changed, reversed)),
        1 => any::<bool>().prop_map(|reversed| Op::Capture(Extent::All, reversed)),
    ]
}

/// Applies `op`; what it returns is compared between maps that should behave the same.
fn apply(map: &mut Map, op: &Op) -> Option<String> {
    match *op {
        Op::Insert(key, value) => map.insert(key, value.to_string()),
        Op::Remove(key) => map.remove(&key),
        Op::Append(key, value) => map.get_mut(&key).map(|found| {
            found.push_str(&value.to_string());
            found.clone()
        }),
        Op::OrInsert(key, value) => Some(map.entry(key).or_insert_with(|| value.to_string()).clone()),
        Op::AndModify(key) => Some(map.entry(key).and_modify(|value| value.push('m')).or_default().clone()),
        Op::EntryRemove(key) => match map.entry(key) {
            super::Entry::Occupied(entry) => Some(entry.remove()),
            super::Entry::Vacant(_) => None,
        },
        Op::Retain(divisor) => {
            map.retain(|key, value| {
                if key % 5 == 0 {
                    value.push('r');
                }
                key % divisor != 0
            });
            None
        }
        Op::AppendAll(value) => {
            map.values_mut().take(usize::from(value % 16)).for_each(|found| found.push('a'));
            None
        }
        Op::Reserve(additional) => {
            map.reserve(additional.into());
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
        Op::Drain => Some(map.drain().map(|(key, value)| format!("{key}{value}")).collect()),
        Op::Refill => {
            let copy = map.clone();
            *map = copy.into_iter().collect();
            None
        }
        Op::Capture(..) => None,
    }
}

fn apply_model(model: &mut Model<u8, String>, op: &Op) {
    match *op {
        Op::Insert(key, value) => drop(model.insert(key, value.to_string())),
        Op::Remove(key) | Op::EntryRemove(key) => drop(model.remove(&key)),
        Op::Append(key, value) => {
            if let Some(found) = model.get_mut(&key) {
                found.push_str(&value.to_string());
            }
        }
        Op::OrInsert(key, value) => drop(model.entry(key).or_insert_with(|| value.to_string())),
        Op::AndModify(key) => drop(model.entry(key).and_modify(|value| value.push('m')).or_default()),
        Op::Retain(divisor) => model.retain(|key, value| {
            if key % 5 == 0 {
                value.push('r');
            }
            key % divisor != 0
        }),
        Op::Clear | Op::Drain => model.clear(),
        Op::AppendAll(_) | Op::Reserve(_) | Op::Shrink | Op::Refill | Op::Capture(..) => {}
    }
}

/// Slots, order of reuse, capacity: everything that decides what the map does next.
fn image<T: State>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    whole::encode_into(&mut bytes, value).unwrap();
    bytes
}

fn capture<T: State>(value: &mut T, extent: Extent, place: &mut Place) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = PieceWriter::new(&mut bytes, place);
    value.capture(extent, &mut out);
    out.finish().unwrap();
    bytes
}

fn restore<T: State>(value: &mut T, bytes: &[u8], reversed: bool) -> Result<(), StateError> {
    let mut pieces = PieceReader::new(bytes).collect::<Result<Vec<_>, _>>()?;
    if reversed {
        let puts = usize::from(matches!(pieces.first(), Some(Piece::Clear { .. })));
        pieces[puts..].reverse();
    }
    for piece in pieces {
        value.restore(piece)?;
    }
    value.restored()
}

fn check(map: &Map) {
    assert_eq!(map.iter().len(), map.len());
    assert_eq!(map.iter().count(), map.len());
    let occupied = map.places.all.iter().filter(|place| matches!(place, super::Place::Occupied(_)));
    assert_eq!(occupied.count(), map.len());
    for (key, value) in map {
        assert_eq!(map.get(key), Some(value));
    }
    for (number, known) in (0u32..).zip(&map.places.all) {
        if let super::Place::Occupied(bucket) = known {
            // The hints are good: nothing is searched for.
            assert_eq!(map.table.get_bucket(*bucket as usize).map(|slot| slot.number), Some(number));
        }
    }
    for (place, number) in (0u32..).zip(&map.places.free) {
        assert_eq!(map.places.claim(*number), Some(place));
    }
    assert!(map.capacity() >= map.places.all.len());
}

proptest! {
    #[test]
    fn it_behaves_as_the_map_of_std(ops in prop::collection::vec(op(), 0..200)) {
        let (mut map, mut model) = (Map::new(), Model::<u8, String>::new());
        for op in &ops {
            apply(&mut map, op);
            if let Op::AppendAll(value) = op {
                for key in map.keys().take(usize::from(value % 16)) {
                    model.get_mut(key).unwrap().push('a');
                }
            } else {
                apply_model(&mut model, op);
            }
            check(&map);
        }
        prop_assert_eq!(map.len(), model.len());
        for (key, value) in &model {
            prop_assert_eq!(map.get(key), Some(value));
        }
        prop_assert_eq!(map.clone().into_iter().collect::<Model<_, _>>(), model.clone());
        prop_assert_eq!(Map::from(model), map);
    }

    #[test]
    fn a_twin_made_of_deltas_goes_on_identically(
        before in prop::collection::vec(op(), 0..200),
        after in prop::collection::vec(op(), 0..60),
    ) {
        let (mut map, mut twin) = (Map::new(), Map::new());
        let mut place = Place::new();
        for op in before.iter().chain(&[Op::Capture(Extent::Changed, false)]) {
            apply(&mut map, op);
            if let Op::Capture(extent, reversed) = *op {
                let bytes = capture(&mut map, extent, &mut place);
                restore(&mut twin, &bytes, reversed).unwrap();
                check(&twin);
                prop_assert_eq!(image(&map), image(&twin));
                // A delta that is applied once more changes nothing.
                restore(&mut twin, &bytes, !reversed).unwrap();
                prop_assert_eq!(image(&map), image(&twin));
            }
        }
        twin.capture(Extent::Changed, &mut PieceWriter::adopting(&mut place));
        let mut third = Map::new();
        restore(&mut third, &capture(&mut map, Extent::All, &mut Place::new()), false).unwrap();
        for op in after.iter().chain(&[Op::Capture(Extent::Changed, true)]) {
            prop_assert_eq!(apply(&mut map, op), apply(&mut twin, op));
            prop_assert!(map.iter().eq(twin.iter()));
            prop_assert_eq!(map.capacity(), twin.capacity());
            if let Op::Capture(extent, reversed) = *op {
                // The twin is the master now; its first delta is relative to what it was restored from.
                restore(&mut third, &capture(&mut twin, extent, &mut place), reversed).unwrap();
                prop_assert_eq!(image(&twin), image(&third));
            }
        }
    }

    #[test]
    fn it_survives_inside_another_value(ops in prop::collection::vec(op(), 0..100)) {
        let mut map = Map::new();
        ops.iter().for_each(|op| drop(apply(&mut map, op)));
        let copy: Option<Map> = whole::decode(&image(&Some(map.clone()))).unwrap();
        let copy = copy.unwrap();
        check(&copy);
        prop_assert_eq!(image(&map), image(&copy));
    }

    #[test]
    fn damaged_pieces_are_an_error_or_a_valid_map(
        ops in prop::collection::vec(op(), 0..60),
        damage in prop::collection::vec((any::<u8>(), any::<prop::sample::Index>(), any::<u8>()), 1..4),
        after in prop::collection::vec(op(), 0..30),
    ) {
        let mut map = Map::new();
        let mut place = Place::new();
        ops.iter().for_each(|op| drop(apply(&mut map, op)));
        let bytes = capture(&mut map, Extent::All, &mut place);
        let mut pieces: Vec<(Vec<u8>, Option<Vec<u8>>)> = PieceReader::new(&bytes)
            .map(|piece| match piece.unwrap() {
                Piece::Put { key, value } => (key.to_vec(), Some(value.to_vec())),
                other => (other.key().to_vec(), None),
            })
            .collect();
        for (kind, index, byte) in damage {
            let at = index.index(pieces.len());
            match kind % 4 {
                0 if pieces.len() > 1 => drop(pieces.remove(at)),
                1 => pieces[at].0.iter_mut().take(1).for_each(|found| *found = byte % 32),
                2 => pieces[at].1.iter_mut().flatten().take(2).for_each(|found| *found = byte % 8),
                _ => pieces.push(pieces[at].clone()),
            }
        }
        let mut outcome = Ok(());
        for (key, value) in &pieces {
            let piece = match value {
                Some(value) => Piece::Put { key, value },
                None => Piece::Clear { prefix: key },
            };
            outcome = outcome.and(map.restore(piece));
        }
        if outcome.and(map.restored()).is_err() {
            map.clear();
        }
        check(&map);
        after.iter().for_each(|op| drop(apply(&mut map, op)));
        check(&map);
    }
}

#[test]
fn maps_that_are_swapped_are_captured_in_full() {
    let (mut one, mut two) = (Map::from([(1, "one".into())]), Map::from([(2, "two".into())]));
    let (mut here, mut there) = (Place::new(), Place::new());
    let mut twin = Map::new();
    restore(&mut twin, &capture(&mut one, Extent::Changed, &mut here), false).unwrap();
    capture(&mut two, Extent::Changed, &mut there);
    std::mem::swap(&mut one, &mut two);
    restore(&mut twin, &capture(&mut one, Extent::Changed, &mut here), false).unwrap();
    assert_eq!(one, twin);
    // Out of its place, captured elsewhere, and back: what it did in between is not relative to this place.
    capture(&mut two, Extent::Changed, &mut there);
    one.insert(3, "three".into());
    capture(&mut one, Extent::Changed, &mut there);
    restore(&mut twin, &capture(&mut one, Extent::Changed, &mut here), false).unwrap();
    assert_eq!(one, twin);
}

#[test]
fn a_sweep_that_changes_nothing_makes_nothing_of_the_next_delta() {
    let mut map: Map = (0..100).map(|key| (key, key.to_string())).collect();
    let mut place = Place::new();
    capture(&mut map, Extent::Changed, &mut place);
    map.retain(|key, value| {
        if *key == 7 {
            value.push('!');
        }
        true
    });
    let delta = capture(&mut map, Extent::Changed, &mut place);
    assert_eq!(PieceReader::new(&delta).count(), 2);
}

#[test]
fn an_entry_that_changes_often_is_written_once() {
    let mut map: Map = (0..100).map(|key| (key, String::new())).collect();
    let mut place = Place::new();
    capture(&mut map, Extent::Changed, &mut place);
    (0..50).for_each(|_| map.get_mut(&3).unwrap().push('x'));
    assert_eq!(PieceReader::new(&capture(&mut map, Extent::Changed, &mut place)).count(), 2);
    assert_eq!(PieceReader::new(&capture(&mut map, Extent::Changed, &mut place)).count(), 1);
}

#[test]
fn nothing_is_missed_when_generations_start_over() {
    let mut map: Map = (0..100).map(|key| (key, String::new())).collect();
    let mut place = Place::new();
    let mut twin = Map::new();
    // Stamped with generation 1, which comes again after the last.
    restore(&mut twin, &capture(&mut map, Extent::Changed, &mut place), false).unwrap();
    map.changes.age(u32::MAX);
    map.get_mut(&0).unwrap().push('x');
    restore(&mut twin, &capture(&mut map, Extent::Changed, &mut place), false).unwrap();
    map.values_mut().for_each(|value| value.push('y'));
    restore(&mut twin, &capture(&mut map, Extent::Changed, &mut place), false).unwrap();
    assert_eq!(map, twin);
}

#[test]
fn what_is_restored_over_a_captured_map_is_not_relative_to_its_capture() {
    let (mut map, mut place) = (Map::from([(1, "one".into())]), Place::new());
    let mut twin = Map::new();
    restore(&mut twin, &capture(&mut map, Extent::Changed, &mut place), false).unwrap();
    let other = capture(&mut Map::from([(2, "two".into())]), Extent::All, &mut Place::new());
    restore(&mut map, &other, false).unwrap();
    restore(&mut twin, &capture(&mut map, Extent::Changed, &mut place), false).unwrap();
    assert_eq!(map, twin);
}

#[test]
fn the_last_of_several_pieces_for_a_slot_counts() {
    let mut map = HashMap::<u8, u8>::new();
    for (slot, value) in [(2u32, 1u8), (0, 1), (1, 1), (2, 2), (0, 2)] {
        map.restore(Piece::Put { key: &slot.to_le_bytes(), value: &[1, slot as u8, value] }).unwrap();
    }
    map.restore(Piece::Put { key: &[], value: &[3, 3, 4] }).unwrap();
    map.restored().unwrap();
    assert!(map.into_iter().eq([(0, 2), (1, 1), (2, 2)]));
}

#[test]
fn a_vacant_slot_that_a_delta_forgets_is_an_error() {
    let mut map = HashMap::<u8, u8>::new();
    let batches: [&[(&[u8], &[u8])]; 2] = [
        &[(&[], &[2, 0, 4]), (&[0, 0, 0, 0], &[0, 0]), (&[1, 0, 0, 0], &[0, 1])],
        &[(&[], &[2, 1, 4]), (&[0, 0, 0, 0], &[1, 7, 7])],
    ];
    let mut outcomes = Vec::new();
    for batch in batches {
        batch.iter().for_each(|(key, value)| map.restore(Piece::Put { key, value }).unwrap());
        outcomes.push(map.restored());
    }
    let forgotten = StateError::FreeOrder { entry: 1, place: 1, problem: "no longer exists" };
    assert_eq!(outcomes, [Ok(()), Err(forgotten)]);
    assert!(map.is_empty());
}

#[test]
fn contradictions_are_named() {
    let slot = |number: u32, content: &[u8]| (number.to_le_bytes().to_vec(), content.to_vec());
    let counts = |slots: u8, entries: u8| (Vec::new(), vec![slots, entries, 9]);
    let load = |pieces: &[(Vec<u8>, Vec<u8>)]| {
        let mut map = HashMap::<u8, u8>::new();
        for (key, value) in pieces {
            map.restore(Piece::Put { key, value })?;
        }
        let outcome = map.restored();
        assert!(outcome.is_ok() || map.is_empty());
        outcome
    };
    assert_eq!(load(&[counts(2, 2), slot(1, &[1, 4, 4]), slot(0, &[1, 5, 5])]), Ok(()));
    assert_eq!(
        load(&[counts(2, 2), slot(0, &[1, 4, 4]), slot(1, &[1, 4, 5])]),
        Err(StateError::DuplicateKey { first: 0, second: 1 })
    );
    assert!(matches!(load(&[counts(2, 2), slot(1, &[1, 4, 4])]), Err(StateError::Count { expected: 0, found: 1, .. })));
    assert!(matches!(load(&[counts(2, 1), slot(0, &[1, 4, 4])]), Err(StateError::Count { expected: 2, found: 1, .. })));
    assert!(matches!(load(&[slot(0, &[1, 4, 4])]), Err(StateError::Count { .. })));
    assert!(matches!(
        load(&[counts(2, 0), slot(0, &[0, 1]), slot(1, &[0, 1])]),
        Err(StateError::FreeOrder { entry: 1, place: 1, .. })
    ));
    assert!(matches!(load(&[counts(1, 0), slot(0, &[0, 1])]), Err(StateError::FreeOrder { entry: 0, place: 1, .. })));
    assert!(matches!(load(&[(vec![1], vec![])]), Err(StateError::UnknownKey { .. })));
    assert!(matches!(load(&[slot(0, &[2])]), Err(StateError::Decode { .. })));
    assert!(matches!(load(&[slot(u32::MAX, &[0, 0])]), Err(StateError::Count { .. })));
}

#[test]
fn a_leaked_drain_leaves_an_empty_map() {
    let mut map = Map::from([(1, "one".into()), (2, "two".into())]);
    std::mem::forget(map.drain());
    check(&map);
    assert!(map.is_empty());
    map.insert(3, "three".into());
    check(&map);
}

#[test]
fn order_does_not_depend_on_the_seed() {
    let fill = || {
        let mut map: HashMap<u32, u32> = (0..1000).map(|n| (n, n)).collect();
        map.retain(|key, _| key % 3 != 0);
        map.extend((2000..2100).map(|n| (n, n)));
        image(&map)
    };
    assert_eq!(fill(), fill());
}
