//! One core's half of the protocol while recording: the pending word, the determinants, what was acquired since the last
//! checkpoint (protocol section 3).
//!
//! Invariant: the log is append-only; a word is appended narrow only if nothing else of this core fell into its section. What
//! only happens rarely (replay, injected crashes) is behind the one flag `special`, looked at once per access.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use crate::crew::Crew;
use crate::determinant::{DrawTag, Word};
use crate::log::WordWriter;
use crate::replayer::Replayer;
use crate::sync::held::HeldShared;

/// What user code of the running input may ask about it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InputTime {
    /// Arrival, ns since the group was created.
    pub(crate) arrival: u64,
    /// Unix time of the group's zero, ns.
    pub(crate) wall: i64,
}

/// One core, seen by the tracked types through a thread-local.
pub struct Core {
    pub(crate) index: usize,
    pub(crate) cores: usize,
    pub(crate) crew: Arc<Crew>,
    /// Replaying, past the cut but not live, or with crashes injected.
    pub(crate) special: Cell<bool>,
    pending: Cell<u64>,
    pub(crate) det: WordWriter,
    /// Number of the checkpoint interval; every variable acquired in it carries it.
    pub(crate) interval: Cell<u32>,
    pub(crate) acquired: RefCell<Vec<u32>>,
    pub(crate) held: HeldShared,
    pub(crate) replayer: RefCell<Option<Replayer>>,
    pub(crate) now: Cell<InputTime>,
    pub(crate) rng: RefCell<ChaCha8Rng>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("index", &self.index).field("det", &self.det.position()).finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn new(
        index: usize,
        cores: usize,
        crew: Arc<Crew>,
        det: WordWriter,
        rng: ChaCha8Rng,
        interval: u32,
    ) -> Core {
        Core {
            index,
            cores,
            special: Cell::new(crew.injects()),
            crew,
            pending: Cell::new(0),
            det,
            interval: Cell::new(interval),
            acquired: RefCell::new(Vec::new()),
            held: HeldShared::new(),
            replayer: RefCell::new(None),
            now: Cell::new(InputTime::default()),
            rng: RefCell::new(rng),
        }
    }

    /// Who this core is to a real lock: never zero.
    #[inline]
    pub(crate) fn tag(&self) -> u32 {
        self.index as u32 + 1
    }

    /// Starts a section: whatever was pending turns out wide.
    #[inline]
    pub(crate) fn start(&self, word: Word) {
        self.flush_wide();
        self.pending.set(word.0);
    }

    /// Ends a section, under its lock. True if the section was wide, so that its exit word was appended.
    #[inline]
    pub(crate) fn end(&self, word: Word, exit_count: u32) -> bool {
        if self.pending.get() == word.0 {
            self.det.push(word.0);
            self.pending.set(0);
            return false;
        }
        self.end_wide(word, exit_count)
    }

    #[inline(never)]
    fn end_wide(&self, word: Word, exit_count: u32) -> bool {
        self.flush_wide();
        self.det.push(Word::exit(word.id(), exit_count).0);
        true
    }

    /// A section in which nothing else can happen (atomics): one narrow word.
    #[inline]
    pub(crate) fn instant(&self, word: Word) {
        self.flush_wide();
        self.det.push(word.0);
    }

    /// Appends a draw and its value.
    pub(crate) fn draw(&self, tag: DrawTag, values: &[u64]) {
        self.flush_wide();
        self.det.push(Word::draw(tag as u32, values.len() as u32).0);
        for value in values {
            self.det.push(*value);
        }
    }

    /// A drawn value: logged while live, taken from the old log in replay.
    pub(crate) fn drawn(&self, tag: DrawTag, draw: impl FnOnce() -> Vec<u64>) -> Vec<u64> {
        let logged = if self.special.get() { self.before_draw(tag) } else { None };
        let values = logged.unwrap_or_else(draw);
        self.draw(tag, &values);
        values
    }

    #[inline]
    fn flush_wide(&self) {
        if self.pending.get() != 0 {
            self.append_wide();
        }
    }

    #[inline(never)]
    fn append_wide(&self) {
        self.det.push(Word(self.pending.get()).widen().0);
        self.pending.set(0);
    }

    /// The `det` position an output emitted now needs: everything so far, the pending word counted.
    #[inline]
    pub(crate) fn needed(&self) -> u64 {
        self.det.position() + u64::from(self.pending.get() != 0)
    }

    /// Whether a section is open whose word is not appended yet.
    pub(crate) fn has_pending(&self) -> bool {
        self.pending.get() != 0
    }
}
