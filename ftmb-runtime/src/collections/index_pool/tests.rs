//! The pool against a queue, and a restored pool against the one that was captured.

use std::collections::VecDeque;

use proptest::prelude::*;
use rand_core::SeedableRng;

use super::{IndexPool, PoolError};
use crate::state::{Extent, Piece, PieceReader, PieceWriter, Place, State, StateError, whole};

const LOWEST: u32 = 1000;
const CAPACITY: u32 = 24;

#[derive(Debug, Clone)]
enum Op {
    Take,
    TakeExact(u32),
    TakeFrom(u32),
    Put(u32),
    Capture(Extent, bool),
}

fn op() -> impl Strategy<Value = Op> {
    let index = || LOWEST - 1..LOWEST + CAPACITY + 1;
    prop_oneof![
        8 => Just(Op::Take),
        3 => index().prop_map(Op::TakeExact),
        3 => index().prop_map(Op::TakeFrom),
        8 => index().prop_map(Op::Put),
        3 => any::<bool>().prop_map(|reversed| Op::Capture(Extent::Changed, reversed)),
        1 => any::<bool>().prop_map(|reversed| Op::Capture(Extent::All, reversed)),
    ]
}

fn pool() -> IndexPool {
    IndexPool::new(LOWEST..LOWEST + CAPACITY)
}

fn apply(pool: &mut IndexPool, op: &Op) -> Option<u32> {
    match *op {
        Op::Take => pool.take(),
        Op::TakeExact(index) => pool.take_exact(index).then_some(index),
        Op::TakeFrom(index) => pool.take_from(index),
        Op::Put(index) => pool.put(index).ok().map(|()| index),
        Op::Capture(..) => None,
    }
}

fn apply_model(free: &mut VecDeque<u32>, op: &Op) -> Option<u32> {
    match *op {
        Op::Take => free.pop_front(),
        Op::TakeExact(index) => free.iter().position(|found| *found == index).and_then(|at| free.remove(at)),
        Op::TakeFrom(index) => {
            let next = free.iter().copied().filter(|free| *free >= index).min().or(free.iter().copied().min());
            free.retain(|free| Some(*free) != next);
            next
        }
        Op::Put(index) if (LOWEST..LOWEST + CAPACITY).contains(&index) && !free.contains(&index) => {
            free.push_back(index);
            Some(index)
        }
        _ => None,
    }
}

fn capture(pool: &mut IndexPool, extent: Extent, place: &mut Place) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = PieceWriter::new(&mut bytes, place);
    pool.capture(extent, &mut out);
    out.finish().unwrap();
    bytes
}

fn restore(pool: &mut IndexPool, bytes: &[u8], reversed: bool) -> Result<(), StateError> {
    let mut pieces = PieceReader::new(bytes).collect::<Result<Vec<_>, _>>()?;
    if reversed {
        let puts = usize::from(matches!(pieces.first(), Some(Piece::Clear { .. })));
        pieces[puts..].reverse();
    }
    for piece in pieces {
        pool.restore(piece)?;
    }
    pool.restored()
}

fn image(pool: &IndexPool) -> Vec<u8> {
    let mut bytes = Vec::new();
    whole::encode_into(&mut bytes, pool).unwrap();
    bytes
}

fn check(pool: &IndexPool) {
    let free: Vec<u32> = pool.free().collect();
    assert_eq!(free.len(), pool.available());
    let taken = pool.range().into_iter().flatten().filter(|index| pool.is_taken(*index)).count();
    assert_eq!(taken, pool.taken());
    assert!(free.iter().all(|index| pool.contains(*index) && !pool.is_taken(*index)));
}

proptest! {
    #[test]
    fn it_behaves_as_a_queue(ops in prop::collection::vec(op(), 0..300)) {
        let mut pool = pool();
        let mut free: VecDeque<u32> = (LOWEST..LOWEST + CAPACITY).collect();
        for op in &ops {
            prop_assert_eq!(apply(&mut pool, op), apply_model(&mut free, op));
            prop_assert!(pool.free().eq(free.iter().copied()));
            check(&pool);
        }
    }

    #[test]
    fn a_twin_made_of_deltas_goes_on_identically(
        before in prop::collection::vec(op(), 0..200),
        after in prop::collection::vec(op(), 0..60),
        other_range in any::<bool>(),
    ) {
        let (mut original, mut place) = (pool(), Place::new());
        let mut twin = if other_range { IndexPool::new(..5) } else { pool() };
        for op in before.iter().chain(&[Op::Capture(Extent::Changed, false)]) {
            apply(&mut original, op);
            if let Op::Capture(extent, reversed) = *op {
                let bytes = capture(&mut original, extent, &mut place);
                for reversed in [reversed, !reversed] {
                    restore(&mut twin, &bytes, reversed).unwrap();
                    prop_assert_eq!(image(&original), image(&twin));
                    check(&twin);
                }
            }
        }
        prop_assert_eq!(&whole::decode::<IndexPool>(&image(&original)).unwrap(), &original);
        let mut third = original.clone();
        twin.capture(Extent::Changed, &mut PieceWriter::adopting(&mut place));
        for op in after.iter().chain(&[Op::Capture(Extent::Changed, true)]) {
            prop_assert_eq!(apply(&mut original, op), apply(&mut twin, op));
            if let Op::Capture(extent, reversed) = *op {
                restore(&mut third, &capture(&mut twin, extent, &mut place), reversed).unwrap();
                prop_assert_eq!(image(&twin), image(&third));
            }
        }
        prop_assert_eq!(original, twin);
    }

    #[test]
    fn damaged_pieces_are_an_error_or_a_valid_pool(
        ops in prop::collection::vec(op(), 0..100),
        damage in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 1..4),
        after in prop::collection::vec(op(), 0..30),
    ) {
        let mut pool = pool();
        for op in &ops {
            apply(&mut pool, op);
        }
        let bytes = capture(&mut pool, Extent::All, &mut Place::new());
        let mut pieces: Vec<(Vec<u8>, Vec<u8>)> = PieceReader::new(&bytes)
            .filter_map(|piece| match piece.unwrap() {
                Piece::Put { key, value } => Some((key.to_vec(), value.to_vec())),
                _ => None,
            })
            .collect();
        for (in_key, index, byte) in damage {
            let at = index.index(pieces.len());
            let bytes = if in_key { &mut pieces[at].0 } else { &mut pieces[at].1 };
            match byte {
                0..128 if !bytes.is_empty() => {
                    let position = usize::from(byte) % bytes.len();
                    bytes[position] = byte % 40;
                }
                128..192 => pieces.push(pieces[at].clone()),
                _ if pieces.len() > 1 => drop(pieces.remove(at)),
                _ => {}
            }
        }
        let mut outcome = Ok(());
        for (key, value) in &pieces {
            outcome = outcome.and(pool.restore(Piece::Put { key, value }));
        }
        let _ = outcome.and(pool.restored());
        check(&pool);
        for op in &after {
            apply(&mut pool, op);
        }
        check(&pool);
    }
}

#[test]
fn contradictions_are_named() {
    let index = |index: u32, value: &[u8]| (index.to_le_bytes().to_vec(), value.to_vec());
    let counts = |available: u8, next: u8| (Vec::new(), vec![10, 4, available, next]);
    let load = |pieces: &[(Vec<u8>, Vec<u8>)]| {
        let mut pool = IndexPool::new(10..14);
        for (key, value) in pieces {
            pool.restore(Piece::Put { key, value })?;
        }
        pool.restored()
    };
    assert_eq!(load(&[counts(3, 5), index(10, &[0]), index(11, &[1, 4])]), Ok(()));
    assert!(matches!(load(&[counts(4, 5), index(10, &[0])]), Err(StateError::Count { expected: 4, found: 3, .. })));
    assert!(matches!(load(&[counts(3, 5), index(14, &[0])]), Err(StateError::OutOfRange { index: 14, .. })));
    assert!(matches!(load(&[counts(4, 5), index(10, &[1, 5])]), Err(StateError::FreeOrder { place: 5, .. })));
    assert!(matches!(
        load(&[counts(4, 5), index(10, &[1, 4]), index(11, &[1, 4])]),
        Err(StateError::FreeOrder { place: 4, problem: "another entry has", .. })
    ));
    assert!(matches!(load(&[index(10, &[0])]), Err(StateError::Count { .. })));
}

#[test]
fn an_index_that_comes_late_gets_the_place_of_its_ticket() {
    let mut pool = IndexPool::new(10..14);
    for (index, ticket) in [(10u32, 5), (11, 4)] {
        pool.restore(Piece::Put { key: &[], value: &[10, 4, 4, 6] }).unwrap();
        pool.restore(Piece::Put { key: &index.to_le_bytes(), value: &[1, ticket] }).unwrap();
        pool.restored().unwrap();
    }
    assert!(pool.free().eq([12, 13, 11, 10]));
}

#[test]
fn drawn_indices_are_spread_over_the_range_and_run_out_all() {
    let mut pool = IndexPool::new(1024..=65535);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut quarters = [0; 4];
    for _ in 0..10_000 {
        quarters[(pool.take_random(&mut rng).unwrap() as usize - 1024) * 4 / pool.capacity()] += 1;
    }
    assert!(quarters.iter().all(|taken| (2300..2700).contains(taken)), "{quarters:?}");
    for left in (0..pool.available()).rev() {
        pool.take_random(&mut rng).unwrap();
        assert_eq!(pool.available(), left);
    }
    assert_eq!(pool.take_random(&mut rng), None);
}

#[test]
fn a_fresh_pool_takes_two_pieces() {
    let mut pool = IndexPool::new(1024..=65535);
    assert_eq!(PieceReader::new(&capture(&mut pool, Extent::All, &mut Place::new())).count(), 2);
}

#[test]
fn the_whole_range_of_numbers_has_its_ends() {
    let mut pool = IndexPool::new(u32::MAX - 1..=u32::MAX);
    assert_eq!((pool.take(), pool.take(), pool.take()), (Some(u32::MAX - 1), Some(u32::MAX), None));
    assert_eq!(pool.range(), Some(u32::MAX - 1..=u32::MAX));
    pool.put(u32::MAX).unwrap();
    let empty = IndexPool::new((std::ops::Bound::Excluded(u32::MAX), std::ops::Bound::Unbounded));
    assert_eq!((empty.range(), empty.capacity()), (None, 0));
    let (lowest, capacity) = (u32::MAX - 1, 2);
    assert_eq!(pool.put(0), Err(PoolError::OutOfRange { index: 0, lowest, capacity }));
}
