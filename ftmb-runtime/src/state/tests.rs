//! Every type comes back as it was saved; bytes that nobody wrote are errors.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::collections::HashMap;

fn capture<T: State>(value: &mut T, extent: Extent, place: &mut Place) -> Result<Vec<u8>, StateError> {
    let mut bytes = Vec::new();
    let mut out = PieceWriter::new(&mut bytes, place);
    value.capture(extent, &mut out);
    out.finish().map(|()| bytes)
}

fn restore<T: State>(value: &mut T, bytes: &[u8]) -> Result<(), StateError> {
    for piece in PieceReader::new(bytes) {
        value.restore(piece?)?;
    }
    value.restored()
}

fn survives<T: State + PartialEq + Debug>(mut value: T, mut other: T) {
    let bytes = capture(&mut value, Extent::All, &mut Place::new()).unwrap();
    restore(&mut other, &bytes).unwrap();
    assert_eq!(value, other);
    let mut layout = Layout::new();
    layout.of::<T>();
    assert_ne!(layout.finish(), Layout::new().finish());
}

#[test]
fn every_type_of_std_survives() {
    survives((), ());
    survives((true, 'x', 1.5f32, -2.5f64), (false, ' ', 0.0, 0.0));
    survives((u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX, usize::MAX), (0, 0, 0, 0, 0, 0));
    survives((i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN, isize::MIN), (0, 0, 0, 0, 0, 0));
    survives((String::from("a"), Some(vec![1u8, 2]), Err::<u8, u16>(7)), (String::new(), None, Ok(0)));
    survives(VecDeque::from([1u32, 2]), VecDeque::new());
    survives(BTreeMap::from([(1u8, BTreeSet::from(['a', 'b']))]), BTreeMap::new());
    survives([[1u16; 4]; 32], [[0; 4]; 32]);
    survives(Array([Some(7u64); 100]), Array([None; 100]));
    survives(Box::new((1u8,)), Box::new((0,)));
    survives((Box::<str>::from("a"), Box::<[u8]>::from([1, 2])), Default::default());
    survives(IpAddr::from([1u8; 16]), Ipv4Addr::LOCALHOST.into());
    survives("[::1]:80".parse::<SocketAddr>().unwrap(), "1.2.3.4:5".parse().unwrap());
    survives(Duration::new(1, 2), Duration::ZERO);
    survives(std::num::NonZeroU16::MAX, std::num::NonZeroU16::MIN);
}

#[test]
fn a_wrong_number_of_elements_is_an_error() {
    let mut array = Array([0u8; 40]);
    assert!(array.restore(Piece::Put { key: &[], value: &[1; 39] }).is_err());
    assert!(array.restore(Piece::Put { key: &[], value: &[1; 41] }).is_err());
    assert_eq!(array, Array([0; 40]));
}

/// Refuses to be encoded.
struct Picky;

impl Serialize for Picky {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

#[test]
fn a_value_that_cannot_be_encoded_leaves_no_bytes_and_is_reported() {
    let mut bytes = Vec::new();
    let mut place = Place::new();
    let mut out = PieceWriter::new(&mut bytes, &mut place);
    out.put(b"good", &1u8);
    out.scoped(b"deep").scoped(b"er").put(b"bad", &(7u64, Picky));
    out.put(b"good", &2u8);
    assert!(matches!(out.finish(), Err(StateError::Encode { .. })));
    assert_eq!(PieceReader::new(&bytes).map(|piece| piece.unwrap().key()).collect::<Vec<_>>(), [b"good", b"good"]);
}

/// What a derive would write for a struct with two piecewise fields.
#[derive(Debug, PartialEq, Serialize, Deserialize, Default)]
struct Window {
    current: HashMap<u8, u32>,
    previous: HashMap<u8, u32>,
    turns: u64,
    name: String,
}

impl State for Window {
    const PIECEWISE: bool = true;

    fn layout(layout: &mut Layout) {
        layout.token("struct Window");
        layout.of::<HashMap<u8, u32>>();
    }

    fn capture(&mut self, extent: Extent, out: &mut PieceWriter<'_>) {
        self.current.capture(extent, &mut out.scoped(&[0]));
        self.previous.capture(extent, &mut out.scoped(&[1]));
        out.put(&[2], &(&self.turns, &self.name));
    }

    fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError> {
        if let Some(piece) = piece.strip_prefix(&[0]) {
            self.current.restore(piece)?;
        }
        if let Some(piece) = piece.strip_prefix(&[1]) {
            self.previous.restore(piece)?;
        }
        if let Some(Piece::Put { value, .. }) = piece.strip_prefix(&[2]) {
            (self.turns, self.name) = whole::decode(value)?;
        }
        Ok(())
    }

    fn restored(&mut self) -> Result<(), StateError> {
        self.current.restored()?;
        self.previous.restored()
    }
}

proptest! {
    #[test]
    fn maps_that_change_places_inside_a_struct_stay_apart(ops in prop::collection::vec((0u8..6, any::<u8>()), 0..80)) {
        let (mut window, mut twin, mut place) = (Box::new(Window::default()), Box::new(Window::default()), Place::new());
        let mut aside = HashMap::new();
        for (kind, key) in ops {
            match kind {
                0 | 1 => drop(window.current.insert(key % 8, u32::from(key))),
                2 => std::mem::swap(&mut window.current, &mut aside),
                3 => {
                    let Window { current, previous, .. } = &mut *window;
                    std::mem::swap(current, previous);
                    window.turns += 1;
                }
                4 => window.previous = std::mem::take(&mut window.current),
                _ => {
                    restore(&mut twin, &capture(&mut window, Extent::Changed, &mut place).unwrap()).unwrap();
                    prop_assert_eq!(&window, &twin);
                    prop_assert!(window.current.iter().eq(twin.current.iter()));
                }
            }
        }
    }

    #[test]
    fn pieces_come_back_as_written(
        pieces in prop::collection::vec((0u8..4, prop::collection::vec(any::<u8>(), 0..300), 0usize..40_000), 0..8),
    ) {
        let (mut written, mut encoded, mut place) = (Vec::new(), Vec::new(), Place::new());
        let values: Vec<Vec<u8>> = pieces.iter().map(|(.., length)| vec![7; *length]).collect();
        let mut out = PieceWriter::new(&mut written, &mut place);
        let mut expected = Vec::new();
        for ((kind, key, _), value) in pieces.iter().zip(&values) {
            let (prefix, rest) = key.split_at(key.len() / 2);
            match kind {
                0 => out.scoped(prefix).put_bytes(rest, value),
                // A tuple of one byte slice that knows its length elsewhere is encoded as the bare bytes.
                1 => out.scoped(prefix).put(rest, &Bare(value)),
                2 => out.scoped(prefix).remove(rest),
                _ => out.scoped(prefix).clear(rest),
            }
            expected.push(match kind {
                0 | 1 => Piece::Put { key, value },
                2 => Piece::Remove { key },
                _ => Piece::Clear { prefix: key },
            });
        }
        out.finish().unwrap();
        expected.iter().for_each(|piece| encode_piece(&mut encoded, *piece));
        prop_assert!(written == encoded);
        prop_assert!(PieceReader::new(&written).collect::<Result<Vec<_>, _>>().unwrap() == expected);
        for end in (0..written.len()).rev().take(50) {
            let cut = PieceReader::new(&written[..end]);
            let boundary = cut.clone().all(|piece| piece.is_ok());
            let truncated = matches!(cut.last(), Some(Err(StateError::Truncated { .. })));
            prop_assert!(boundary || truncated);
        }
    }

    #[test]
    fn bytes_that_nobody_wrote_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut reader = PieceReader::new(&bytes);
        let good: usize = reader.by_ref().take_while(|piece| piece.is_ok()).count();
        prop_assert!(reader.next().is_none() && good <= bytes.len());
        let _ = whole::decode::<(String, Option<Vec<u16>>, Array<char, 2>)>(&bytes);
        let _ = whole::decode::<HashMap<u8, u8>>(&bytes);
        let _ = whole::decode::<crate::collections::IndexPool>(&bytes);
    }
}

struct Bare<'a>(&'a [u8]);

impl Serialize for Bare<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}

#[derive(Serialize, Deserialize)]
struct Tree(Vec<Tree>);

impl State for Tree {
    const PIECEWISE: bool = false;

    fn layout(layout: &mut Layout) {
        layout.token("struct Tree");
        layout.of::<Vec<Tree>>();
    }

    fn capture(&mut self, _: Extent, out: &mut PieceWriter<'_>) {
        whole::capture_whole(self, out);
    }

    fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError> {
        whole::restore_whole(self, piece)
    }

    fn restored(&mut self) -> Result<(), StateError> {
        Ok(())
    }
}

#[test]
fn the_layout_of_a_recursive_type_ends() {
    let mut layout = Layout::new();
    layout.of::<Tree>();
    let once = layout.finish();
    layout.of::<Tree>();
    assert_ne!(layout.finish(), once);
}

#[test]
fn lengths_beyond_64_bits_are_refused() {
    let bytes = [&[1][..], &[0xff; 9], &[2]].concat();
    assert_eq!(PieceReader::new(&bytes).next(), Some(Err(StateError::LengthOverflow { position: 1 })));
    let bytes = [&[1][..], &[0xff; 9], &[1]].concat();
    assert!(matches!(
        PieceReader::new(&bytes).next(),
        Some(Err(StateError::Truncated { position: 1, expected: u64::MAX, found: 0 }))
    ));
}
