//! Messages that wait to be sent together.
//!
//! Invariant: a slot between `push` and the end of the flush is not written to: the kernel may be reading it.
//!
//! ```text
//! slot 0            slot 1            ...   slot SLOTS - 1
//! |head|body|.......|head|body|.......|...
//! |<---- SLOT ----->|
//! ```

use super::messages::{SLOT, SLOTS};

/// The slots of one engine.
pub(super) struct Slots {
    bytes: Box<[u8]>,
    lengths: [u16; SLOTS],
    used: usize,
}

impl Slots {
    pub(super) fn new() -> Slots {
        Slots { bytes: vec![0; SLOT * SLOTS].into_boxed_slice(), lengths: [0; SLOTS], used: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.used == SLOTS
    }

    /// How many slots are in use.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Fills the next slot. The message fits, and there is a slot.
    pub(super) fn push(&mut self, head: &[u8], body: &[u8]) {
        let length = head.len() + body.len();
        let slot = &mut self.bytes[self.used * SLOT..][..length];
        slot[..head.len()].copy_from_slice(head);
        slot[head.len()..].copy_from_slice(body);
        self.lengths[self.used] = length as u16;
        self.used += 1;
    }

    pub(super) fn message(&self, slot: usize) -> &[u8] {
        &self.bytes[slot * SLOT..][..usize::from(self.lengths[slot])]
    }

    pub(super) fn clear(&mut self) {
        self.used = 0;
    }
}
