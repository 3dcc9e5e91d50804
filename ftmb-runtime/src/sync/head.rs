//! What every tracked variable has in front of its value, in one cache line: identity, counts, who is inside.
//!
//! Invariant: the counts change only under the variable's real lock (shared holders add to `acq` concurrently); `base` is stored
//! under the exclusive lock. The cores that replay wait on both without the lock.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::raw::SECTION;
use crate::determinant::Word;
use crate::recorder::Core;
use crate::replayer::Logged;

const UNASSIGNED: u32 = u32::MAX;

/// Identity and counts of one variable.
#[derive(Debug)]
#[repr(C)]
pub struct Head {
    /// `acq` in the high half; in the low half the state of a reader/writer lock, so that entering shared is one operation.
    pub(super) word: AtomicU64,
    base: AtomicU32,
    id: AtomicU32,
    /// The checkpoint interval of the latest acquisition that noted one.
    interval: AtomicU32,
    /// Its value was written since the last capture.
    touched: AtomicBool,
    /// Where the latest exclusive section was entered.
    place: AtomicPtr<Location<'static>>,
    // Boxed twice: a thin pointer leaves room for a value in the line.
    #[allow(clippy::redundant_allocation)]
    name: OnceLock<Box<Box<str>>>,
}

// With a raw lock in front, a value of a word fits into the same cache line.
const _: () = assert!(size_of::<Head>() <= 48);

impl Head {
    pub(crate) const fn new() -> Head {
        Head {
            word: AtomicU64::new(0),
            base: AtomicU32::new(0),
            id: AtomicU32::new(UNASSIGNED),
            interval: AtomicU32::new(0),
            touched: AtomicBool::new(false),
            place: AtomicPtr::new(std::ptr::null_mut()),
            name: OnceLock::new(),
        }
    }

    pub(crate) fn assign(&self, id: u32, name: &str) {
        let _ = self.name.set(Box::new(name.into()));
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
        // Acquire; pairs with the Releases in `count_exclusive`, `count_shared` and the reader/writer lock.
        (self.word.load(Ordering::Acquire) >> 32) as u32
    }

    /// `acq` just after the last exclusive section.
    #[inline]
    pub(crate) fn base(&self) -> u32 {
        // Acquire; pairs with the Release in `count_exclusive`.
        self.base.load(Ordering::Acquire)
    }

    pub(crate) fn set_counts(&self, acquired: u32, base: u32) {
        self.base.store(base, Ordering::SeqCst);
        self.word.store(u64::from(acquired) << 32, Ordering::SeqCst);
        // Interval 0 is never current, so the next acquisition counts as the first one.
        self.interval.store(0, Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn touch(&self) {
        // Relaxed: under the exclusive lock; the capturing thread takes that lock.
        self.touched.store(true, Ordering::Relaxed);
    }

    /// As [`touch`](Self::touch), for what all cores write without a lock: the line stays shared between them.
    #[inline]
    pub(crate) fn touch_once(&self) {
        // Relaxed: captures happen while no core is inside an input, and synchronise with the cores then.
        if !self.touched.load(Ordering::Relaxed) {
            self.touch();
        }
    }

    pub(crate) fn take_touched(&self) -> bool {
        self.touched.swap(false, Ordering::SeqCst)
    }

    /// Whether this is the first section of the checkpoint interval, as far as one core can tell: [`note`](Self::note) knows.
    /// Of a variable without an id every section is.
    #[inline]
    pub(crate) fn is_first(&self, core: &Core) -> bool {
        // Relaxed: changes only under a lock that is held exclusively, or in `note`, which is certain.
        self.interval.load(Ordering::Relaxed) != core.interval.get()
    }

    /// Notes that the variable was acquired in this checkpoint interval; exactly one of those that race does. False: the
    /// variable has no id, and may not be used by packet code.
    #[cold]
    pub(crate) fn note(&self, core: &Core) -> bool {
        let interval = core.interval.get();
        if self.is_assigned() && self.interval.swap(interval, Ordering::SeqCst) != interval {
            core.acquired.borrow_mut().push(self.id());
        }
        self.is_assigned()
    }

    /// Notes where an exclusive section was entered.
    #[inline]
    pub(crate) fn set_place(&self, place: &'static Location<'static>) {
        // Relaxed: only the core that stored it reads it.
        self.place.store(std::ptr::from_ref(place).cast_mut(), Ordering::Relaxed);
    }

    /// Counts an exclusive section under a lock that does not count itself, and returns its word.
    #[inline]
    pub(crate) fn count_exclusive(&self) -> Word {
        // Relaxed: under the exclusive lock.
        let acquired = (self.word.load(Ordering::Relaxed) >> 32) as u32;
        let word = self.exclusive(acquired);
        // Release; pairs with the Acquire in `acquired`: whoever replays waits on it without the lock.
        self.word.store(u64::from(acquired.wrapping_add(1)) << 32, Ordering::Release);
        word
    }

    /// The word of an exclusive section that has just been counted by the lock.
    #[inline]
    pub(crate) fn counted_exclusive(&self) -> Word {
        // Relaxed: under the exclusive lock.
        let after = (self.word.load(Ordering::Relaxed) >> 32) as u32;
        self.exclusive(after.wrapping_sub(1))
    }

    #[inline]
    fn exclusive(&self, acquired: u32) -> Word {
        // Release; pairs with the Acquire in `base`: whoever replays waits on it without the lock.
        self.base.store(acquired.wrapping_add(1), Ordering::Release);
        Word::write(self.id(), acquired)
    }

    /// Counts a shared section under a lock that does not count itself and is held exclusively (atomics), and returns its word.
    #[inline]
    pub(crate) fn count_shared(&self) -> Word {
        // Relaxed: under the lock.
        let counts = self.word.load(Ordering::Relaxed);
        // Release; pairs with the Acquire in `acquired`. The carry out of the high half falls off the end.
        self.word.store(counts.wrapping_add(SECTION), Ordering::Release);
        self.counted_shared()
    }

    /// The word of a shared section that has just been counted by the lock.
    #[inline]
    pub(crate) fn counted_shared(&self) -> Word {
        Word::read(self.id(), self.base())
    }

    /// Before a section of a core that replays or is to crash: replay's turn, and refusals that must not hang. `owner`: who
    /// the lock says is inside exclusively. Returns what the log says.
    #[cold]
    pub(crate) fn before_special(
        &self,
        core: &Core,
        exclusive: bool,
        trying: bool,
        owner: u32,
        place: &'static Location<'static>,
    ) -> Logged {
        if !self.is_assigned() {
            refuse_stray(place);
        }
        if !trying {
            self.refuse_second(core, exclusive, owner, place);
        }
        core.before_section(self, exclusive, trying)
    }

    /// Panics if this core is inside already and the two sections could not coexist.
    #[cold]
    pub(crate) fn refuse_second(&self, core: &Core, exclusive: bool, owner: u32, place: &'static Location<'static>) {
        let first = if owner == core.tag() {
            // Relaxed: stored by this very thread.
            let first = self.place.load(Ordering::Relaxed);
            // SAFETY: only ever null or a `&'static Location` (`set_place`). Test:
            // `a_second_acquisition_panics_naming_both_places`.
            unsafe { first.as_ref() }
        } else if exclusive {
            core.held.find(self.id())
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

/// Packet code used a variable that the walk did not find.
#[cold]
pub(crate) fn refuse_stray(place: &'static Location<'static>) -> ! {
    panic!(
        "{place}: a tracked variable that is not reachable from the middlebox's shared state was used in packet code; replay \
         could not find it: make it (part of) a field of the #[ftmb::shared] struct"
    )
}

/// Ends a section of a core that replays or is to crash, in its record (not the real lock). Crashed instances record nothing.
#[cold]
pub(crate) fn end_special(core: &Core, head: &Head, word: Word, exit_count: u32) {
    if core.crew.is_dead() {
        return;
    }
    let wide = core.end(word, exit_count);
    core.at_end(head, Word::exit(word.id(), exit_count), wide);
}

/// After the real unlock of such a section.
#[cold]
pub(crate) fn after_end_special(core: &Core) {
    if !core.crew.is_dead() {
        core.after_end();
    }
}
