//! One core's half of recovery: at each event the old log says what must come, and when (protocol section 6.3).
//!
//! Invariant: within its cut a core does exactly what the old log says, in the order it says, or stops with a [`Divergence`];
//! past its cut it makes no tracked access before every core is past its own.

use crate::crew::wait_until;
use crate::determinant::{DrawTag, Kind, Word};
use crate::log::WordReader;
use crate::recorder::Core;
use crate::sync::Head;

/// Replay did not reproduce what was logged or released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "replay diverged on core {core} at input position {input}, word {word}: {variable}: expected {expected}, found {found}"
)]
pub struct Divergence {
    /// The core.
    pub core: usize,
    /// Position of the input frame in the core's `in` log.
    pub input: u64,
    /// Position in the old `det` log, words.
    pub word: u64,
    /// The variable's name, or what else it is about.
    pub variable: String,
    /// What the log says.
    pub expected: String,
    /// What the program did.
    pub found: String,
}

/// A core's place in the old log.
#[derive(Debug)]
pub(crate) struct Replayer {
    old: WordReader,
    next: u64,
    cut: u64,
    /// Counted by the crew as within its cut.
    within: bool,
    /// The last consumed word completes the cut as soon as its section is entered.
    /// Whether the old form of the pending word was wide.
    pending_wide: Option<bool>,
    input: u64,
}

/// What the old log says about an access.
pub(crate) enum Logged {
    /// Nothing: the core is live.
    Live,
    /// A section whose turn has come.
    Section,
    /// A `try_lock` that failed.
    FailedTry,
}

impl Replayer {
    /// From the checkpoint's position to the cut, in words of the old log.
    pub(crate) fn new(old: WordReader, from: u64, cut: u64) -> Replayer {
        Replayer { old, next: from, cut, within: from < cut, pending_wide: None, input: 0 }
    }

    pub(crate) fn is_within(&self) -> bool {
        self.within
    }
}

impl Core {
    /// Notes where the input that is about to run starts, for divergence messages.
    pub(crate) fn note_input(&self, position: u64) {
        if let Some(replayer) = self.replayer.borrow_mut().as_mut() {
            replayer.input = position;
        }
    }

    /// Starts replay of an old log. The crew must know about every core before any of them runs.
    pub(crate) fn replay(&self, replayer: Replayer) {
        self.special.set(true);
        *self.replayer.borrow_mut() = Some(replayer);
    }

    /// Whether the core still reproduces its cut.
    pub(crate) fn is_within_cut(&self) -> bool {
        self.replayer.borrow().as_ref().is_some_and(Replayer::is_within)
    }

    /// Crashes on request; else nothing.
    pub(crate) fn check_alive(&self) {
        self.crew.count_access();
        if self.crew.is_dead() {
            self.crew.abandon();
        }
    }

    /// Before a section: what the log says, after waiting for its turn. Called only while `special`.
    #[cold]
    pub(crate) fn before_section(&self, head: &Head, exclusive: bool, trying: bool) -> Logged {
        self.check_alive();
        let id = head.id();
        let Some(word) = self.next_word(|| name_access(exclusive, id)) else { return Logged::Live };
        let fits = match word.kind() {
            Some(Kind::WriteNarrow | Kind::WriteWide) => exclusive && word.id() == id,
            Some(Kind::ReadNarrow | Kind::ReadWide) => !exclusive && word.id() == id,
            Some(Kind::Draw) if trying && word.id() == DrawTag::FailedTry as u32 => {
                let value = self.draw_values(word);
                if value.first() == Some(&u64::from(id)) {
                    return Logged::FailedTry;
                }
                false
            }
            _ => false,
        };
        if !fits {
            self.diverge(head.name(), word.to_string(), name_access(exclusive, id));
        }
        {
            let mut replayer = self.replayer.borrow_mut();
            let replayer = replayer.as_mut().expect("a word was found");
            replayer.next += 1;
            replayer.pending_wide = Some(matches!(word.kind(), Some(Kind::WriteWide | Kind::ReadWide)));
        }
        // Never wait with unpublished words: another core may wait for room in its `out` log, which the output logger makes only
        // once it has passed what that core's outputs depend on, these words among them. What is published of an unfinished
        // input lies within the cut, so it says nothing that the old log did not.
        self.det.publish();
        // All earlier sections have been entered; the real lock, taken next, waits for their ends.
        if exclusive {
            wait_until(&self.crew, || head.acquired() == word.count());
        } else {
            wait_until(&self.crew, || head.base() == word.count());
        }
        Logged::Section
    }

    /// After a section was entered and counted under the real lock.
    #[cold]
    pub(crate) fn after_enter(&self) {
        self.leave_cut_if_done();
    }

    /// At the end of a section, before the real unlock. `wide`: an exit word was appended.
    #[cold]
    pub(crate) fn at_end(&self, head: &Head, exit: Word, wide: bool) {
        let mut slot = self.replayer.borrow_mut();
        let Some(replayer) = slot.as_mut() else { return };
        // Narrow: the section's own word was pending. Wide: another one may have been, and has been appended as wide.
        let logged = replayer.pending_wide.take();
        let wrong = match (wide, logged) {
            (false, Some(true)) => Some(("another event inside the section".into(), "its end".into())),
            (true, Some(false)) => Some(("the end of the inner section".into(), exit.to_string())),
            (true, _) if replayer.next < replayer.cut => {
                let word = replayer.old.get(replayer.next).map(Word);
                replayer.next += 1;
                match word {
                    Ok(word) if word == exit => None,
                    Ok(word) => Some((word.to_string(), exit.to_string())),
                    Err(error) => Some(("a retained word".into(), error.to_string())),
                }
            }
            _ => None,
        };
        drop(slot);
        if let Some((expected, found)) = wrong {
            // No unwinding here: the real lock is still held. The next access, or the end of the input, ends the core.
            self.report(head.name(), expected, found);
        }
    }

    /// After the real unlock.
    #[cold]
    pub(crate) fn after_end(&self) {
        self.leave_cut_if_done();
    }

    /// Before a draw: the logged values, or `None` if the core is live.
    #[cold]
    pub(crate) fn before_draw(&self, tag: DrawTag) -> Option<Vec<u64>> {
        self.check_alive();
        let asked = || format!("a draw of {tag:?}");
        let word = self.next_word(asked)?;
        if word.kind() != Some(Kind::Draw) || word.id() != tag as u32 {
            self.diverge("a draw".into(), word.to_string(), asked());
        }
        Some(self.draw_values(word))
    }

    /// The word that the next event must match; `None` once the core is live (after waiting for all others).
    fn next_word(&self, found: impl Fn() -> String) -> Option<Word> {
        let mut slot = self.replayer.borrow_mut();
        let replayer = slot.as_mut()?;
        if self.has_pending() && replayer.pending_wide.take() == Some(false) {
            drop(slot);
            self.diverge("the open section".into(), "its end".into(), found());
        }
        if replayer.next < replayer.cut {
            return Some(Word(self.old_word(&replayer.old, replayer.next)));
        }
        debug_assert!(!replayer.within, "the last word's section was entered");
        drop(slot);
        // As in `before_section`.
        self.det.publish();
        wait_until(&self.crew, || !self.crew.is_replaying());
        *self.replayer.borrow_mut() = None;
        self.special.set(self.crew.injects());
        None
    }

    fn draw_values(&self, word: Word) -> Vec<u64> {
        let mut slot = self.replayer.borrow_mut();
        let replayer = slot.as_mut().expect("a word was found");
        let len = u64::from(word.count());
        let values = (1..=len).map(|i| self.old_word(&replayer.old, replayer.next + i)).collect();
        replayer.next += 1 + len;
        drop(slot);
        self.leave_cut_if_done();
        values
    }

    fn old_word(&self, old: &WordReader, at: u64) -> u64 {
        match old.get(at) {
            Ok(word) => word,
            Err(error) => self.diverge("the old det log".into(), "a retained word".into(), error.to_string()),
        }
    }

    fn leave_cut_if_done(&self) {
        let mut slot = self.replayer.borrow_mut();
        if let Some(replayer) = slot.as_mut()
            && replayer.within
            && replayer.next >= replayer.cut
        {
            replayer.within = false;
            self.crew.leave_cut();
        }
    }

    /// An output that replay produced differs from what was released, or the input ended early.
    #[cold]
    pub(crate) fn diverge(&self, variable: String, expected: String, found: String) -> ! {
        self.report(variable, expected, found);
        self.crew.abandon()
    }

    /// Stops everybody at their next access, this core included.
    fn report(&self, variable: String, expected: String, found: String) {
        let (input, word) = self
            .replayer
            .try_borrow()
            .map_or((0, 0), |slot| slot.as_ref().map_or((0, 0), |replayer| (replayer.input, replayer.next)));
        self.crew.diverge(Divergence { core: self.index, input, word, variable, expected, found });
    }
}

fn name_access(exclusive: bool, id: u32) -> String {
    format!("{} of v{id}", if exclusive { "an exclusive section" } else { "a shared section" })
}
