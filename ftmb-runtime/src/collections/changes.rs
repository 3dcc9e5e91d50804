//! Change tracking for collections whose entries have numbers.
//!
//! Invariant: an entry's stamp equals the generation exactly if the entry is in the list of changed ones, so each is
//! listed once; a capture takes the list and starts the next generation.

use crate::state::{Extent, Lineage, PieceWriter};

/// The generation in which an entry last changed. Zero: before any.
pub(super) type Stamp = u32;

/// Which entries changed since the last capture.
#[derive(Debug)]
pub(super) struct Changes {
    generation: Stamp,
    changed: Vec<u32>,
    /// All that was captured before is gone: the next capture starts with a `Clear`.
    reset: bool,
    lineage: Lineage,
}

impl Changes {
    /// For a new collection: nothing of it was ever captured.
    pub(super) fn new() -> Self {
        Self { generation: 1, changed: Vec::new(), reset: true, lineage: Lineage::new() }
    }

    /// Notes that entry `number` changes.
    #[inline]
    pub(super) fn mark(&mut self, number: u32, stamp: &mut Stamp) {
        if *stamp != self.generation {
            *stamp = self.generation;
            self.changed.push(number);
        }
    }

    /// Notes that all entries are gone.
    pub(super) fn reset(&mut self) {
        self.changed.clear();
        self.reset = true;
    }

    /// Begins a capture: whether to start with a `Clear`, and which entries to write.
    pub(super) fn begin(&mut self, wanted: Extent, entries: usize, out: &mut PieceWriter<'_>) -> Capture {
        let extent = out.extent(wanted, &mut self.lineage);
        let changed = std::mem::take(&mut self.changed);
        let which = match extent {
            Extent::All => Which::All,
            // A walk in order over mostly changed entries is cheaper than a random one.
            Extent::Changed if changed.len() > entries / 8 => Which::Stamped(self.generation),
            Extent::Changed => Which::Listed,
        };
        Capture { clear: self.reset || extent == Extent::All, which, changed }
    }

    /// Ends a capture, or forgets all changes after a restore. True: generations start over, and the caller has to
    /// zero every stamp.
    #[must_use]
    pub(super) fn end(&mut self, capture: Option<Capture>) -> bool {
        // Keep the allocation: the next interval will change about as much.
        self.changed = capture.map_or_else(|| std::mem::take(&mut self.changed), |capture| capture.changed);
        self.changed.clear();
        self.reset = false;
        let (generation, wrapped) = match self.generation.checked_add(1) {
            Some(next) => (next, false),
            None => (1, true),
        };
        self.generation = generation;
        wrapped
    }

    /// Forgets all changes, and which capture came before, because what was restored is the new truth.
    #[must_use]
    pub(super) fn restored(&mut self) -> bool {
        self.lineage = Lineage::new();
        self.end(None)
    }

    /// The tracking of a copy: its stamps come along, but nothing of it was captured.
    pub(super) fn of_copy(&self) -> Self {
        Self { generation: self.generation, changed: self.changed.clone(), reset: true, lineage: Lineage::new() }
    }

    #[cfg(test)]
    pub(super) fn age(&mut self, generation: Stamp) {
        self.generation = generation;
    }
}

/// What one capture has to write.
#[derive(Debug)]
pub(super) struct Capture {
    /// Start with a `Clear`.
    pub(super) clear: bool,
    pub(super) which: Which,
    /// The entries for [`Which::Listed`].
    pub(super) changed: Vec<u32>,
}

/// Which entries a capture writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Every entry.
    All,
    /// Walk over all entries, write those with this stamp.
    Stamped(Stamp),
    /// Those in the list.
    Listed,
}
