//! How a map is saved: one piece a slot and one for the counts; and as a whole, inside other values.
//!
//! ```text
//! key                       value (postcard)
//! (empty)                   slots u32, entries u32, capacity u64
//! slot number, u32 LE       0, place in the order of reuse | 1, key, value
//! ```
//!
//! Invariant: both forms keep slots and order of reuse; hashes and index are never saved.

use std::hash::Hash;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::HashMap;
use super::restore::Counts;
use super::slot::{Content, Slot};
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
        let capture = self.slab.changes.begin(extent, self.slab.slots.len(), out);
        if capture.clear {
            out.clear(&[]);
        }
        let slots = &self.slab.slots;
        match capture.which {
            Which::All => (0..).zip(slots).for_each(|(number, slot)| put(number, slot, out)),
            Which::Stamped(stamp) => {
                (0..).zip(slots).filter(|(_, slot)| slot.stamp() == stamp).for_each(|(n, slot)| put(n, slot, out));
            }
            Which::Listed => {
                for &number in &capture.changed {
                    put(number, &slots[number as usize], out);
                }
            }
        }
        out.put(&[], &self.counts());
        if self.slab.changes.end(Some(capture)) {
            self.slab.zero_stamps();
        }
    }

    fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError> {
        match piece {
            Piece::Put { key: [], value } => self.restore_counts(whole::decode(value)?),
            Piece::Put { key, value } => {
                let number = <[u8; 4]>::try_from(key).map_err(|_| unknown_key::<Self>(key))?;
                self.restore_slot(u32::from_le_bytes(number), whole::decode(value)?);
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

#[inline]
fn put<K: State, V: State>(number: u32, slot: &Slot<K, V>, out: &mut PieceWriter<'_>) {
    if cfg!(debug_assertions)
        && let Err(error) = whole::check_faithful_as::<Content<K, V>>(&slot.content())
    {
        out.fail(error);
    }
    out.put(&number.to_le_bytes(), &slot.content());
}

fn unknown_key<T>(key: &[u8]) -> StateError {
    StateError::UnknownKey {
        type_name: std::any::type_name::<T>(),
        expected: "nothing or four bytes of slot number",
        key: key.to_vec(),
    }
}

/// All slots in a row, for a map inside another value.
struct Slots<'a, K, V>(&'a [Slot<K, V>]);

impl<K: Serialize, V: Serialize> Serialize for Slots<'_, K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Slot::content))
    }
}

impl<K: Serialize, V: Serialize> Serialize for HashMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.capacity as u64, Slots(&self.slab.slots)).serialize(serializer)
    }
}

impl<'de, K, V> Deserialize<'de> for HashMap<K, V>
where
    K: Deserialize<'de> + Eq + Hash,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (capacity, slots) = <(u64, Vec<Content<K, V>>)>::deserialize(deserializer)?;
        let entries = slots.iter().filter(|content| matches!(content, Content::Occupied(..))).count();
        let counts = Counts { slots: slots.len() as u32, entries: entries as u32, capacity };
        let mut map = Self::new();
        map.restore_counts(counts);
        for (number, content) in (0..).zip(slots) {
            map.restore_slot(number, content);
        }
        map.finish_restore().map_err(de::Error::custom)?;
        map.slab.changes = crate::collections::changes::Changes::new();
        Ok(map)
    }
}
