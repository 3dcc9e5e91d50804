//! How a pool is saved: one piece for each index that was ever taken, and one for range and counts.
//!
//! ```text
//! key               value (postcard)
//! (empty)           lowest u32, capacity u32, available u32, next ticket u64
//! index, u32 LE     option of ticket u64; none: taken
//! ```
//!
//! Invariant: indices without a piece are free and in line by number, before all others.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::IndexPool;
use super::order::{Order, TAKEN};
use crate::collections::changes::{Changes, Which};
use crate::state::{Extent, Layout, Piece, PieceWriter, State, StateError, whole};

/// What is saved of a pool beside its indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    lowest: u32,
    capacity: u32,
    available: u32,
    next_ticket: u64,
}

/// A batch of pieces in the course of being restored; it is applied at its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Restoring {
    clear: bool,
    counts: Option<Counts>,
    /// Indices and tickets.
    entries: Vec<(u32, u64)>,
}

impl IndexPool {
    fn counts(&self) -> Counts {
        Counts {
            lowest: self.lowest,
            capacity: self.order.capacity(),
            available: self.order.available(),
            next_ticket: self.order.next_ticket(),
        }
    }

    fn batch(&mut self) -> &mut Restoring {
        self.restoring.get_or_insert_default()
    }

    fn settle(&mut self, batch: Restoring) -> Result<(), StateError> {
        let Some(counts) = batch.counts else {
            return Err(count("pieces with the counts of a pool", 1, 0));
        };
        if u64::from(counts.lowest) + u64::from(counts.capacity) > u64::from(u32::MAX) + 1
            || counts.capacity == u32::MAX
        {
            let highest = u64::from(u32::MAX - counts.lowest);
            return Err(count("highest capacity of a pool", highest, counts.capacity.into()));
        }
        if batch.clear || (self.lowest, self.order.capacity()) != (counts.lowest, counts.capacity) {
            self.order = Order::new(counts.capacity).ok_or(StateError::Memory { entries: counts.capacity.into() })?;
            self.lowest = counts.lowest;
        }
        let mut entries = batch.entries;
        let given_out = u64::from(counts.capacity)..counts.next_ticket;
        for (index, ticket) in &mut entries {
            let (entry, place) = (*index, *ticket);
            if place != TAKEN && !given_out.contains(&place) {
                return Err(StateError::FreeOrder { entry, place, problem: "was never given out" });
            }
            *index = self.number(entry).ok_or(StateError::OutOfRange {
                index: entry,
                lowest: counts.lowest,
                capacity: counts.capacity,
            })?;
        }
        self.order.restore(&entries, counts.next_ticket).map_err(|number| StateError::FreeOrder {
            entry: counts.lowest + number,
            place: self.order.ticket(number),
            problem: "another entry has",
        })?;
        if self.order.available() != counts.available {
            return Err(count("free indices of a pool", counts.available.into(), self.order.available().into()));
        }
        Ok(())
    }

    /// Every index that does not stand as it did when the pool was made, with its ticket.
    fn moved(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let order = &self.order;
        (0..order.capacity()).filter(|n| !order.is_initial(*n)).map(|n| (self.lowest + n, order.ticket(n)))
    }
}

impl State for IndexPool {
    const PIECEWISE: bool = true;

    fn layout(layout: &mut Layout) {
        layout.token("IndexPool");
    }

    fn capture(&mut self, extent: Extent, out: &mut PieceWriter<'_>) {
        let capture = self.order.changes.begin(extent, self.capacity(), out);
        if capture.clear {
            out.clear(&[]);
        }
        match capture.which {
            Which::All => self.moved().for_each(|(index, ticket)| put(index, ticket, out)),
            Which::Stamped(stamp) => (0..self.order.capacity())
                .filter(|number| self.order.stamp(*number) == stamp)
                .for_each(|number| put(self.lowest + number, self.order.ticket(number), out)),
            Which::Listed => {
                capture.changed.iter().for_each(|&number| put(self.lowest + number, self.order.ticket(number), out));
            }
        }
        out.put(&[], &self.counts());
        if self.order.changes.end(Some(capture)) {
            self.order.zero_stamps();
        }
    }

    fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError> {
        match piece {
            Piece::Put { key: [], value } => self.batch().counts = Some(whole::decode(value)?),
            Piece::Put { key, value } => {
                let index = <[u8; 4]>::try_from(key).map_err(|_| unknown_key(key))?;
                let ticket = whole::decode::<Option<u64>>(value)?.unwrap_or(TAKEN);
                self.batch().entries.push((u32::from_le_bytes(index), ticket));
            }
            Piece::Clear { prefix: [] } => *self.batch() = Restoring { clear: true, ..Restoring::default() },
            Piece::Clear { prefix } => return Err(unknown_key(prefix)),
            Piece::Remove { .. } => {
                return Err(StateError::UnexpectedPiece { type_name: "IndexPool", operation: "remove" });
            }
        }
        Ok(())
    }

    fn restored(&mut self) -> Result<(), StateError> {
        let outcome = self.restoring.take().map_or(Ok(()), |batch| self.settle(*batch));
        if outcome.is_err() {
            *self = Self::new(..0);
        }
        if self.order.changes.restored() {
            self.order.zero_stamps();
        }
        outcome
    }
}

fn put(index: u32, ticket: u64, out: &mut PieceWriter<'_>) {
    out.put(&index.to_le_bytes(), &(ticket != TAKEN).then_some(ticket));
}

fn unknown_key(key: &[u8]) -> StateError {
    StateError::UnknownKey { type_name: "IndexPool", expected: "nothing or four bytes of index", key: key.to_vec() }
}

fn count(what: &'static str, expected: u64, found: u64) -> StateError {
    StateError::Count { what, expected, found }
}

impl Serialize for IndexPool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries: Vec<(u32, u64)> = self.moved().collect();
        (self.counts(), entries).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IndexPool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (counts, entries) = <(Counts, Vec<(u32, u64)>)>::deserialize(deserializer)?;
        let mut pool = Self::new(..0);
        pool.settle(Restoring { clear: true, counts: Some(counts), entries }).map_err(de::Error::custom)?;
        pool.order.changes = Changes::new();
        Ok(pool)
    }
}
