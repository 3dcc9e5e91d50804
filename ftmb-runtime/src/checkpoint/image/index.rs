//! Where the record of a key is: one table a variable, rebuilt on load. Invariant: exactly the records that are not
//! dead are in it, one a key.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::record::CORES;

/// Offsets are kept divided by this, the alignment of records.
const UNIT: usize = 8;
/// The first offset that does not fit an entry.
pub(super) const MAX_OFFSET: usize = (u32::MAX as usize + 1) * UNIT;

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    unit: u32,
}

impl Entry {
    /// The table wants its bucket in the low bits and a tag in the high ones; both come from the 32 bits that are kept.
    fn spread(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }
}

pub(super) struct Index {
    tables: Vec<HashTable<Entry>>,
    hasher: RandomState,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("tables", &self.tables.len()).finish_non_exhaustive()
    }
}

/// The hash of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyHash(u32);

impl Index {
    pub(super) fn new(variables: u32) -> Index {
        // One more for the cores.
        let tables = (0..=variables).map(|_| HashTable::new()).collect();
        Index { tables, hasher: RandomState::default() }
    }

    fn table(&self, variable: u32) -> usize {
        if variable == CORES { self.tables.len() - 1 } else { variable as usize }
    }

    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash((self.hasher.hash_one(key) >> 32) as u32)
    }

    /// Offset of the record for which `is_it` says so.
    #[inline]
    pub(super) fn find(&self, variable: u32, hash: KeyHash, mut is_it: impl FnMut(usize) -> bool) -> Option<usize> {
        let table = &self.tables[self.table(variable)];
        let entry =
            table.find(Entry::spread(hash.0), |entry| entry.hash == hash.0 && is_it(entry.unit as usize * UNIT))?;
        Some(entry.unit as usize * UNIT)
    }

    /// Adds a record whose key has none.
    #[inline]
    pub(super) fn insert(&mut self, variable: u32, hash: KeyHash, offset: usize) {
        let entry = Entry { hash: hash.0, unit: (offset / UNIT) as u32 };
        let table = self.table(variable);
        self.tables[table].insert_unique(Entry::spread(hash.0), entry, |entry| Entry::spread(entry.hash));
    }

    /// The record of a key has moved.
    pub(super) fn replace(&mut self, variable: u32, hash: KeyHash, from: usize, to: usize) {
        let table = self.table(variable);
        let is_it = |entry: &Entry| entry.unit as usize * UNIT == from;
        if let Some(entry) = self.tables[table].find_mut(Entry::spread(hash.0), is_it) {
            entry.unit = (to / UNIT) as u32;
        }
    }

    pub(super) fn is_empty(&self, variable: u32) -> bool {
        self.tables[self.table(variable)].is_empty()
    }

    /// Offsets of all records of a variable, in no order.
    pub(super) fn offsets(&self, variable: u32) -> Vec<usize> {
        self.tables[self.table(variable)].iter().map(|entry| entry.unit as usize * UNIT).collect()
    }
}
