//! What every tracked variable has in front of its value, in one cache line: identity, counts, who is inside.
//!
//! Invariant: the counts change only under the variable's real lock (shared holders add to `acq` concurrently); `base` is stored
//! under the exclusive lock. The cores that replay wait on both without the lock.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::determinant::Word;
use crate::recorder::{Core, Held};
use crate::replayer::Logged;

const UNASSIGNED: u32 = u32::MAX;

/// Identity and counts of one variable.
#[derive(Debug)]
pub struct Head {
    /// `acq` in the high half, the checkpoint interval of the latest acquisition in the low half.
    counts: AtomicU64,
    base: AtomicU32,
    id: AtomicU32,
    /// The core inside exclusively, plus one.
    owner: AtomicU32,
    /// Its value was written since the last capture.
    touched: AtomicBool,
    place: AtomicPtr<Location<'static>>,
    name: OnceLock<Box<str>>,
}

impl Head {
    pub(crate) const fn new() -> Head {
        Head {
            counts: AtomicU64::new(0),
            base: AtomicU32::new(0),
            id: AtomicU32::new(UNASSIGNED),
            owner: AtomicU32::new(0),
            touched: AtomicBool::new(false),
            place: AtomicPtr::new(std::ptr::null_mut()),
            name: OnceLock::new(),
        }
    }

    pub(crate) fn assign(&self, id: u32, name: &str) {
        let _ = self.name.set(name.into());
        self.id.store(id, Ordering::SeqCst);
    }

    pub(crate) fn is_assigned(&self) -> bool {
        // Relaxed: assigned before any thread of the instance starts.
        self.id.load(Ordering::Relaxed) != UNASSIGNED
    }

    #[inline]
    pub(crate) fn id(&self) -> u32 {
        // Relaxed: assigned before any thread of the instance starts.
        self.id.load(Ordering::Relaxed)
    }

    pub(crate) fn name(&self) -> String {
        self.name.get().map_or_else(|| format!("v{}", self.id()), ToString::to_string)
    }

    /// Sections entered so far.
    #[inline]
    pub(crate) fn acquired(&self) -> u32 {
        // Acquire; pairs with the Release in `count_exclusive` and `count_shared`.
        (self.counts.load(Ordering::Acquire) >> 32) as u32
    }

    /// `acq` just after the last exclusive section.
    #[inline]
    pub(crate) fn base(&self) -> u32 {
        // Acquire; pairs with the Release in `count_exclusive`.
        self.base.load(Ordering::Acquire)
    }

    pub(crate) fn set_counts(&self, acquired: u32, base: u32) {
        self.base.store(base, Ordering::SeqCst);
        // Interval 0 is never current, so the next acquisition counts as the first one.
        self.counts.store(u64::from(acquired) << 32, Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn touch(&self) {
        // Relaxed: under the exclusive lock; the capturing thread takes that lock.
        self.touched.store(true, Ordering::Relaxed);
    }

    pub(crate) fn take_touched(&self) -> bool {
        self.touched.swap(false, Ordering::SeqCst)
    }

    /// Counts an exclusive section just entered and returns its word.
    #[inline]
    pub(crate) fn count_exclusive(&self, core: &Core, place: &'static Location<'static>) -> Word {
        // Relaxed: under the exclusive lock.
        let counts = self.counts.load(Ordering::Relaxed);
        let acquired = (counts >> 32) as u32;
        let after = acquired.wrapping_add(1);
        if counts as u32 != core.interval.get() {
            core.acquired.borrow_mut().push(self.id());
        }
        // Relaxed: only this core compares it with itself, others see it through a contended lock.
        self.owner.store(core.index as u32 + 1, Ordering::Relaxed);
        self.place.store(std::ptr::from_ref(place).cast_mut(), Ordering::Relaxed);
        // Release, both; pair with the Acquires in `base` and `acquired`: whoever replays waits on them without the lock.
        self.base.store(after, Ordering::Release);
        self.counts.store((u64::from(after) << 32) | u64::from(core.interval.get()), Ordering::Release);
        Word::write(self.id(), acquired)
    }

    /// Counts a shared section just entered and returns its word. Other shared sections may be counted at the same time.
    #[inline]
    pub(crate) fn count_shared(&self, core: &Core) -> Word {
        let base = self.base();
        // Release; pairs with the Acquire in `acquired`. The carry out of the high half falls off the end.
        let before = self.counts.fetch_add(1 << 32, Ordering::Release);
        if before as u32 != core.interval.get() {
            self.note_interval(core);
        }
        Word::read(self.id(), base)
    }

    /// The first shared section of a checkpoint interval: exactly one of those that race notes the variable.
    #[cold]
    fn note_interval(&self, core: &Core) {
        let interval = u64::from(core.interval.get());
        let mut counts = self.counts.load(Ordering::SeqCst);
        while counts & 0xffff_ffff != interval {
            let marked = (counts & !0xffff_ffff) | interval;
            match self.counts.compare_exchange_weak(counts, marked, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return core.acquired.borrow_mut().push(self.id()),
                Err(now) => counts = now,
            }
        }
    }

    #[inline]
    pub(crate) fn clear_owner(&self) {
        // Relaxed: see `count_exclusive`.
        self.owner.store(0, Ordering::Relaxed);
    }

    /// Before a section: replay's turn, and refusals that must not hang. Returns what the log says.
    #[inline]
    pub(crate) fn before(&self, core: &Core, exclusive: bool, trying: bool, place: &'static Location<'static>) -> Logged {
        if core.special.get() || self.id() == UNASSIGNED {
            return self.before_slow(core, exclusive, trying, place);
        }
        Logged::Live
    }

    #[cold]
    fn before_slow(&self, core: &Core, exclusive: bool, trying: bool, place: &'static Location<'static>) -> Logged {
        assert!(
            self.is_assigned(),
            "{place}: a tracked variable that is not reachable from the middlebox's shared state was used in packet code; \
             replay could not find it: make it (part of) a field of the #[ftmb::shared] struct"
        );
        if !trying {
            self.refuse_second(core, exclusive, place);
        }
        core.before_section(self, exclusive, trying)
    }

    /// Panics if this core is inside already and the two sections could not coexist.
    #[cold]
    pub(crate) fn refuse_second(&self, core: &Core, exclusive: bool, place: &'static Location<'static>) {
        let id = self.id();
        let first = if self.owner.load(Ordering::Relaxed) == core.index as u32 + 1 {
            let first = self.place.load(Ordering::Relaxed);
            // SAFETY: only ever null or a `&'static Location` (stored in `count_exclusive` by this very thread, which the
            // owner check established). Test: `a_second_acquisition_panics_naming_both_places`.
            unsafe { first.as_ref() }
        } else if exclusive {
            core.held.borrow().iter().find(|held| held.id == id).map(|held| held.place)
        } else {
            None
        };
        if let Some(first) = first {
            panic!(
                "{place}: `{}` is acquired a second time by the core that holds it since {first}; this would deadlock: \
                 end the first section before, or use its guard",
                self.name()
            );
        }
    }

    /// Whether this core is inside a shared section of the variable.
    pub(crate) fn is_held_shared(&self, core: &Core) -> bool {
        let id = self.id();
        core.held.borrow().iter().any(|held| held.id == id)
    }

    #[inline]
    pub(crate) fn hold_shared(&self, core: &Core, place: &'static Location<'static>) {
        core.held.borrow_mut().push(Held { id: self.id(), place });
    }

    #[inline]
    pub(crate) fn unhold_shared(&self, core: &Core) {
        let mut held = core.held.borrow_mut();
        let id = self.id();
        if let Some(at) = held.iter().rposition(|held| held.id == id) {
            held.swap_remove(at);
        }
    }

    /// An access outside of packet, tick and control code: fine while the state is constructed, refused after.
    #[track_caller]
    #[inline]
    pub(crate) fn outside(&self) {
        if self.is_assigned() {
            self.refuse_outside();
        }
    }

    #[cold]
    #[track_caller]
    fn refuse_outside(&self) -> ! {
        panic!(
            "`{}` was accessed outside of packet, tick and control code, where accesses cannot be recorded: \
             a report reads it with `peek`, anything else belongs into `tick` or `control`",
            self.name()
        );
    }

    /// `peek` in the wrong place.
    #[track_caller]
    pub(crate) fn refuse_peek(&self) {
        assert!(
            !super::current::in_input(),
            "`{}` was peeked at in packet, tick or control code, where replay would not see the same: use a recorded access",
            self.name()
        );
    }
}

/// Ends a section in the core's record (not the real lock). Crashed instances record nothing.
#[inline]
pub(crate) fn end(core: &Core, head: &Head, word: Word, exit_count: u32) {
    if core.special.get() {
        return end_special(core, head, word, exit_count);
    }
    core.end(word, exit_count);
}

#[cold]
fn end_special(core: &Core, head: &Head, word: Word, exit_count: u32) {
    if core.crew.is_dead() {
        return;
    }
    let wide = core.end(word, exit_count);
    core.at_end(head, Word::exit(word.id(), exit_count), wide);
}

/// After the real unlock.
#[inline]
pub(crate) fn after_end(core: &Core) {
    if core.special.get() && !core.crew.is_dead() {
        core.after_end();
    }
}

/// After a section was entered and counted.
#[inline]
pub(crate) fn after_enter(core: &Core) {
    if core.special.get() {
        core.after_enter();
    }
}
