//! Where the entry of each number lies, and which vacant number is reused next: last in, first out.
//!
//! Invariant: every vacant number has a distinct place in `free`, and `free` at that place names the number. So the order
//! of reuse lies in the places themselves, and each can be saved, loaded and checked on its own.
//!
//! ```text
//! places  0: in bucket 5   1: vacant, place 1   2: in bucket 0   3: vacant, place 0
//! free    [3, 1]     the next entry gets number 1, then 3, then a new number 4
//! ```

use crate::collections::changes::{Changes, Stamp};
use crate::state::StateError;

/// Numbers that a map may have, at most: a table for more would have buckets beyond `u32`.
pub(super) const MOST: usize = 3 << 30;

/// What is known of one number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// The bucket where its entry was seen last.
    Occupied(u32),
    /// Its place in the order of reuse, and when it became vacant.
    Vacant { place: u32, stamp: Stamp },
}

/// All numbers that were ever given out, and the order in which vacant ones are reused.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) all: Vec<Place>,
    pub(super) free: Vec<u32>,
}

impl Places {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { all: Vec::with_capacity(capacity), free: Vec::new() }
    }

    /// The number that is next in line, and the stamp it carries. Its place is to be set.
    ///
    /// # Panics
    ///
    /// More than [`MOST`] numbers.
    #[inline]
    pub(super) fn take(&mut self) -> (u32, Stamp) {
        match self.free.pop() {
            Some(number) => (number, self.stamp(number)),
            None => {
                assert!(self.all.len() < MOST, "capacity overflow");
                self.all.push(Place::Vacant { place: 0, stamp: 0 });
                ((self.all.len() - 1) as u32, 0)
            }
        }
    }

    /// Makes a number the next in line.
    #[inline]
    pub(super) fn vacate(&mut self, number: u32, mut stamp: Stamp, changes: &mut Changes) {
        changes.mark(number, &mut stamp);
        let place = self.free.len() as u32;
        self.free.push(number);
        self.all[number as usize] = Place::Vacant { place, stamp };
    }

    /// The stamp of a vacant number; zero for others, which carry it in their slots.
    fn stamp(&self, number: u32) -> Stamp {
        match self.all[number as usize] {
            Place::Vacant { stamp, .. } => stamp,
            Place::Occupied(_) => 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.free.clear();
    }

    pub(super) fn zero_stamps(&mut self) {
        for known in &mut self.all {
            if let Place::Vacant { stamp, .. } = known {
                *stamp = 0;
            }
        }
    }

    /// Puts the touched numbers into their places in the order of reuse, which has `places` in all.
    ///
    /// There are as many vacant numbers as places, and no two may claim the same place; so each place is taken.
    pub(super) fn settle(&mut self, places: usize, touched: &[u32]) -> Result<(), StateError> {
        let error = |entry, place, problem| Err(StateError::FreeOrder { entry, place: u64::from(place), problem });
        // Numbers that claimed a place which is no longer there must have been touched.
        for (place, &number) in self.free.iter().enumerate().skip(places) {
            if self.claim(number) == Some(place as u32) {
                return error(number, place as u32, "no longer exists");
            }
        }
        self.free.resize(places, u32::MAX);
        for &number in touched {
            let Some(place) = self.claim(number) else { continue };
            let Some(&holder) = self.free.get(place as usize) else {
                return error(number, place, "does not exist");
            };
            if holder != number && self.claim(holder) == Some(place) {
                return error(number, place, "another entry has");
            }
            self.free[place as usize] = number;
        }
        Ok(())
    }

    /// The place that a number claims, if it is vacant.
    pub(super) fn claim(&self, number: u32) -> Option<u32> {
        match *self.all.get(number as usize)? {
            Place::Vacant { place, .. } => Some(place),
            Place::Occupied(_) => None,
        }
    }
}
