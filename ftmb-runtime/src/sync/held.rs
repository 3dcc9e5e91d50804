//! The shared sections that a core is in: to refuse an exclusive one of the same variable, and to let it enter shared again
//! beside a waiting writer. Invariant: one entry per open shared section; only its core's thread touches it.

use std::cell::{Cell, RefCell};
use std::panic::Location;

#[derive(Clone, Copy, Debug)]
struct Held {
    id: u32,
    place: &'static Location<'static>,
}

/// Sections that are noted without allocating.
const FEW: usize = 6;

/// A small stack of sections; guards may be dropped in any order.
#[derive(Debug)]
pub(crate) struct HeldShared {
    len: Cell<usize>,
    few: [Cell<Option<Held>>; FEW],
    more: RefCell<Vec<Held>>,
}

impl HeldShared {
    pub(crate) const fn new() -> HeldShared {
        HeldShared { len: Cell::new(0), few: [const { Cell::new(None) }; FEW], more: RefCell::new(Vec::new()) }
    }

    #[inline]
    pub(crate) fn push(&self, id: u32, place: &'static Location<'static>) {
        let len = self.len.get();
        let held = Held { id, place };
        match self.few.get(len) {
            Some(slot) => slot.set(Some(held)),
            None => self.push_more(held),
        }
        self.len.set(len + 1);
    }

    #[cold]
    fn push_more(&self, held: Held) {
        self.more.borrow_mut().push(held);
    }

    #[inline]
    pub(crate) fn remove(&self, id: u32) {
        let last = self.len.get().wrapping_sub(1);
        match self.few.get(last) {
            Some(slot) if slot.get().is_some_and(|held| held.id == id) => self.len.set(last),
            _ => self.remove_inner(id),
        }
    }

    /// Out of order, or among more than a few: the latest entry of that variable goes, the last one takes its place.
    #[cold]
    fn remove_inner(&self, id: u32) {
        let Some(at) = (0..self.len.get()).rev().find(|at| self.at(*at).is_some_and(|held| held.id == id)) else {
            return;
        };
        let last = self.len.get() - 1;
        let moved = if last < FEW { self.few[last].get() } else { self.more.borrow_mut().pop() };
        self.len.set(last);
        let Some(moved) = moved else { return };
        match (at == last, at < FEW) {
            (true, _) => {}
            (false, true) => self.few[at].set(Some(moved)),
            (false, false) => self.more.borrow_mut()[at - FEW] = moved,
        }
    }

    fn at(&self, at: usize) -> Option<Held> {
        if at < FEW { self.few[at].get() } else { self.more.borrow().get(at - FEW).copied() }
    }

    /// Where the core entered a variable shared, if it is inside.
    pub(crate) fn find(&self, id: u32) -> Option<&'static Location<'static>> {
        (0..self.len.get()).filter_map(|at| self.at(at)).find(|held| held.id == id).map(|held| held.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_leave_in_any_order() {
        for count in [1, 3, FEW as u32, FEW as u32 + 4] {
            for step in [1, 3, 7] {
                let held = HeldShared::new();
                let place = Location::caller();
                (0..count).for_each(|id| held.push(id, place));
                held.push(0, place);
                let order: Vec<u32> = (0..count).map(|i| (i * step + 2) % count).collect();
                let mut left: std::collections::BTreeSet<u32> = (0..count).collect();
                for id in order {
                    held.remove(id);
                    if left.remove(&id) && id != 0 {
                        assert!(held.find(id).is_none());
                    }
                    assert!(left.iter().all(|id| held.find(*id).is_some()), "{left:?} of {count}, step {step}");
                }
            }
        }
    }
}
