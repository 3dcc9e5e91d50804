//! How a map is saved: one piece a number and one for the counts; and as a whole, inside other values.
//!
//! ```text
//! key                       value (postcard)
//! (empty)                   numbers u32, entries u32, capacity u64
//! number, u32 LE            0, place in the order of reuse | 1, key, value
//! ```
//!
//! Invariant: both forms keep numbers and order of reuse; hashes and buckets are never saved.

use std::hash::Hash;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::HashMap;
use super::restore::Counts;
use super::slot::Content;
use crate::collections::changes::Which;
use crate::state::{Extent, Layout, Piece, PieceWriter, State, StateError, whole};

impl<K: State + Eq + Hash, V: State> State for HashMap<K, V> {
    const PIECEWISE: bool = true;

    fn layout(layout: &mut Layout) {
        layout.token("HashMap");
        layout.of::<K>();
        layout.of::<V>();
    }

    fn capture(&mut self, extent: Extent, out: &mut PieceWriter<'_>) {
        let capture = self.changes.begin(extent, self.places.all.len(), out);
        if capture.clear {
            out.clear(&[]);
        }
        match capture.which {
            Which::All => self.contents().for_each(|(number, content)| put(number, &content, out)),
            // A walk over all of the table would not be in order, and new numbers are cheapest to restore in order.
            Which::Stamped(_) | Which::Listed => {
                // Entries lie all over the table: several are looked up at a time, so that their cache misses overlap.
                for numbers in capture.changed.chunks(TOGETHER) {
                    let mut contents = [const { None }; TOGETHER];
                    for (content, &number) in contents.iter_mut().zip(numbers) {
                        *content = self.content(number);
                    }
                    for (content, &number) in contents.iter().zip(numbers) {
                        if let Some(content) = content {
                            put(number, content, out);
                        }
                    }
                }
            }
        }
        out.put(&[], &self.counts());
        if self.changes.end(Some(capture)) {
            self.zero_stamps();
        }
    }

    fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError> {
        match piece {
            Piece::Put { key: [], value } => self.restore_counts(whole::decode(value)?),
            Piece::Put { key, value } => {
                let number = <[u8; 4]>::try_from(key).map_err(|_| unknown_key::<Self>(key))?;
                self.restore_content(u32::from_le_bytes(number), whole::decode(value)?);
            }
            Piece::Clear { prefix: [] } => self.restore_clear(),
            Piece::Clear { prefix } => return Err(unknown_key::<Self>(prefix)),
            Piece::Remove { .. } => {
                let type_name = std::any::type_name::<Self>();
                return Err(StateError::UnexpectedPiece { type_name, operation: "remove" });
            }
        }
        Ok(())
    }

    fn restored(&mut self) -> Result<(), StateError> {
        self.finish_restore()
    }
}

/// Entries that are looked up at a time.
const TOGETHER: usize = 16;

#[inline]
fn put<K: State, V: State>(number: u32, content: &Content<&K, &V>, out: &mut PieceWriter<'_>) {
    if cfg!(debug_assertions)
        && let Err(error) = whole::check_faithful_as::<Content<K, V>>(content)
    {
        out.fail(error);
    }
    out.put(&number.to_le_bytes(), content);
}

fn unknown_key<T>(key: &[u8]) -> StateError {
    StateError::UnknownKey {
        type_name: std::any::type_name::<T>(),
        expected: "nothing or the four bytes of a number",
        key: key.to_vec(),
    }
}

impl<K, V> HashMap<K, V> {
    /// What a number stands for.
    fn content(&self, number: u32) -> Option<Content<&K, &V>> {
        match self.places.claim(number) {
            Some(place) => Some(Content::Vacant(place)),
            None => self.slot(number).map(|slot| Content::Occupied(&slot.key, &slot.value)),
        }
    }

    fn contents(&self) -> impl Iterator<Item = (u32, Content<&K, &V>)> {
        (0..self.places.all.len() as u32).filter_map(|number| Some((number, self.content(number)?)))
    }
}

/// All contents in a row, for a map inside another value.
struct Contents<'a, K, V>(&'a HashMap<K, V>);

impl<K: Serialize, V: Serialize> Serialize for Contents<'_, K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.0.places.all.len()))?;
        for (_, content) in self.0.contents() {
            sequence.serialize_element(&content)?;
        }
        sequence.end()
    }
}

impl<K: Serialize, V: Serialize> Serialize for HashMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.capacity as u64, Contents(self)).serialize(serializer)
    }
}

impl<'de, K, V> Deserialize<'de> for HashMap<K, V>
where
    K: Deserialize<'de> + Eq + Hash,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (capacity, contents) = <(u64, Vec<Content<K, V>>)>::deserialize(deserializer)?;
        let entries = contents.iter().filter(|content| matches!(content, Content::Occupied(..))).count();
        let counts = Counts { numbers: contents.len() as u32, entries: entries as u32, capacity };
        let mut map = Self::new();
        map.restore_counts(counts);
        for (number, content) in (0..).zip(contents) {
            map.restore_content(number, content);
        }
        map.finish_restore().map_err(de::Error::custom)?;
        map.changes = crate::collections::changes::Changes::new();
        Ok(map)
    }
}
