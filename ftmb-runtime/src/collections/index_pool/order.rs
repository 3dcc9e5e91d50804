//! The free indices of a pool in the order in which they are used again: a ring of links through one array.
//!
//! Invariant: the ring, from the node behind all others (the anchor) onward, visits exactly the free nodes, by rising
//! ticket; the bits are set for the same nodes. Tickets are what is saved; links and bits are derived from them.
//!
//! ```text
//! node     0        1        2        3        anchor
//! ticket   taken    1        taken    9
//! next              3                 anchor   1          next to be taken: 1, then 3
//! ```

use super::free_bits::FreeBits;
use crate::collections::changes::{Changes, Stamp};

/// The ticket of a node that is taken.
pub(super) const TAKEN: u64 = u64::MAX;

#[derive(Debug, Clone)]
struct Node {
    /// When the node became free; ascending, never given twice. A node that never was taken has its own number.
    ticket: u64,
    next: u32,
    previous: u32,
    stamp: Stamp,
}

/// Which nodes are free, since when, and which of them changed.
#[derive(Debug)]
pub(super) struct Order {
    /// One more than there are indices: the last is the anchor.
    nodes: Vec<Node>,
    free: FreeBits,
    available: u32,
    next_ticket: u64,
    pub(super) changes: Changes,
}

impl Order {
    /// All nodes free, by rising number. `None`: no memory.
    pub(super) fn new(capacity: u32) -> Option<Self> {
        let mut nodes = Vec::new();
        nodes.try_reserve_exact(capacity as usize + 1).ok()?;
        let last = capacity;
        nodes.extend((0..=last).map(|number| Node {
            ticket: u64::from(number),
            next: if number == last { 0 } else { number + 1 },
            previous: if number == 0 { last } else { number - 1 },
            stamp: 0,
        }));
        let free = FreeBits::all_below(capacity)?;
        Some(Self { nodes, free, available: capacity, next_ticket: u64::from(capacity), changes: Changes::new() })
    }

    pub(super) fn capacity(&self) -> u32 {
        self.anchor()
    }

    pub(super) fn available(&self) -> u32 {
        self.available
    }

    pub(super) fn next_ticket(&self) -> u64 {
        self.next_ticket
    }

    pub(super) fn is_taken(&self, number: u32) -> bool {
        self.nodes[number as usize].ticket == TAKEN
    }

    pub(super) fn stamp(&self, number: u32) -> Stamp {
        self.nodes[number as usize].stamp
    }

    /// Ticket or [`TAKEN`].
    pub(super) fn ticket(&self, number: u32) -> u64 {
        self.nodes[number as usize].ticket
    }

    /// Whether the node is as [`Order::new`] made it, links aside.
    pub(super) fn is_initial(&self, number: u32) -> bool {
        self.ticket(number) == u64::from(number)
    }

    /// The node that has been free for the longest time.
    #[inline]
    pub(super) fn first(&self) -> Option<u32> {
        self.after(self.anchor())
    }

    /// The free node that follows a free node (or the anchor).
    #[inline]
    pub(super) fn after(&self, number: u32) -> Option<u32> {
        let next = self.nodes[number as usize].next;
        (next != self.anchor()).then_some(next)
    }

    /// The lowest free node that is not below `number`.
    #[inline]
    pub(super) fn free_from(&self, number: u32) -> Option<u32> {
        self.free.at_or_after(number)
    }

    /// Takes a free node.
    #[inline]
    pub(super) fn take(&mut self, number: u32) {
        self.unlink(number);
        self.set(number, TAKEN);
    }

    /// Frees a taken node; it becomes the last in line.
    #[inline]
    pub(super) fn put(&mut self, number: u32) {
        self.set(number, self.next_ticket);
        self.next_ticket += 1;
        self.link_last(number);
    }

    /// The one place where a node changes.
    #[inline]
    fn set(&mut self, number: u32, ticket: u64) {
        let node = &mut self.nodes[number as usize];
        self.changes.mark(number, &mut node.stamp);
        node.ticket = ticket;
    }

    #[inline]
    fn anchor(&self) -> u32 {
        self.nodes.len() as u32 - 1
    }

    #[inline]
    fn unlink(&mut self, number: u32) {
        let Node { next, previous, .. } = self.nodes[number as usize];
        self.nodes[previous as usize].next = next;
        self.nodes[next as usize].previous = previous;
        self.free.remove(number);
        self.available -= 1;
    }

    #[inline]
    fn link_last(&mut self, number: u32) {
        let anchor = self.anchor();
        let last = std::mem::replace(&mut self.nodes[anchor as usize].previous, number);
        self.nodes[last as usize].next = number;
        let node = &mut self.nodes[number as usize];
        (node.previous, node.next) = (last, anchor);
        self.free.insert(number);
        self.available += 1;
    }

    /// Gives restored nodes their tickets and puts the free ones in line. Numbers must be in range. `Err`: a node has
    /// the ticket of another.
    ///
    /// A node that is put gets a younger ticket than all others. So the free ones of a batch usually belong behind all
    /// that it does not name, and the work is in proportion to the batch; if not, all nodes are put in line again.
    pub(super) fn restore(&mut self, entries: &[(u32, u64)], next_ticket: u64) -> Result<(), u32> {
        self.next_ticket = next_ticket;
        for &(number, ticket) in entries {
            if !self.is_taken(number) {
                self.unlink(number);
            }
            self.nodes[number as usize].ticket = ticket;
            if ticket != TAKEN {
                self.link_last(number);
            }
        }
        let mut free: Vec<u32> = entries.iter().map(|(number, _)| *number).filter(|n| !self.is_taken(*n)).collect();
        self.sort(&mut free);
        free.iter().for_each(|number| self.unlink(*number));
        if free.first().is_some_and(|first| self.last_ticket() >= Some(self.ticket(*first))) {
            let anchor = self.anchor();
            free = (0..anchor).filter(|number| !self.is_taken(*number)).collect();
            self.sort(&mut free);
            let ends = &mut self.nodes[anchor as usize];
            (ends.next, ends.previous) = (anchor, anchor);
            self.available = 0;
        }
        for number in free {
            if self.last_ticket() >= Some(self.ticket(number)) {
                return Err(number);
            }
            self.link_last(number);
        }
        Ok(())
    }

    /// The youngest ticket in line.
    fn last_ticket(&self) -> Option<u64> {
        let last = self.nodes[self.anchor() as usize].previous;
        (last != self.anchor()).then(|| self.ticket(last))
    }

    /// Sorts by ticket; a number that is there several times is kept once.
    fn sort(&self, free: &mut Vec<u32>) {
        free.sort_unstable_by_key(|number| (self.ticket(*number), *number));
        free.dedup();
    }

    pub(super) fn zero_stamps(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.stamp = 0);
    }
}

impl Clone for Order {
    fn clone(&self) -> Self {
        Self {
            nodes: self.nodes.clone(),
            free: self.free.clone(),
            available: self.available,
            next_ticket: self.next_ticket,
            changes: self.changes.of_copy(),
        }
    }
}
