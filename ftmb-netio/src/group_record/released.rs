//! Per core, the last released output. Invariant: a reader sees the old triple or the new one: the slot that is not in use is
//! written, then one store switches.

use super::{GroupRecord, MAX_CORES, layout};

/// What a core has released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Its last released output; 0: none.
    pub ordinal: u64,
    /// The hash chain up to it.
    pub hash: u64,
    /// The last epoch whose outputs agreed with this count and hash.
    pub epoch: u64,
}

impl GroupRecord {
    /// What core `core` has released.
    ///
    /// ```
    /// use ftmb_netio::group_record::{Birth, GroupRecord, Released};
    /// let record = GroupRecord::anonymous(Birth::now(2, 0))?;
    /// record.set_released(1, Released { ordinal: 5, hash: 99, epoch: 1 });
    /// assert_eq!(record.released(1).ordinal, 5);
    /// assert_eq!(record.released(0), Released::default());
    /// # Ok::<(), ftmb_runtime::log::LogError>(())
    /// ```
    ///
    /// # Panics
    /// If `core` is not below [`MAX_CORES`].
    pub fn released(&self, core: usize) -> Released {
        assert!(core < MAX_CORES, "core {core} of {MAX_CORES}");
        let at = layout::RELEASED + core * layout::RELEASED_WORDS;
        loop {
            let which = self.get(at);
            let slot = at + 1 + 3 * (which as usize & 1);
            let read = Released { ordinal: self.get(slot), hash: self.get(slot + 1), epoch: self.get(slot + 2) };
            // Counts switches: unchanged means that this slot was not rewritten meanwhile.
            if self.get(at) == which {
                return read;
            }
        }
    }

    /// Records what core `core` has released. The output logger only.
    ///
    /// # Panics
    /// If `core` is not below [`MAX_CORES`].
    pub fn set_released(&self, core: usize, released: Released) {
        assert!(core < MAX_CORES, "core {core} of {MAX_CORES}");
        let at = layout::RELEASED + core * layout::RELEASED_WORDS;
        let next = self.get(at) + 1;
        let slot = at + 1 + 3 * (next as usize & 1);
        self.set(slot, released.ordinal);
        self.set(slot + 1, released.hash);
        self.set(slot + 2, released.epoch);
        self.set(at, next);
    }
}
