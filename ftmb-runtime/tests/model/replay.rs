//! The replayer's half of a core: it looks at the old log, waits for logged counts, and knows when a core is past its
//! cut.

use crate::group::{Group, note};
use crate::log::Word;
use crate::mutant::Mutant;
use crate::program::Mode;
use crate::verdict::Violation;

impl Group {
    /// The word that the core's next event must match.
    pub(crate) fn look(&self, c: usize) -> Result<Word, Violation> {
        self.look_at(c, self.master.cores[c].looked)
    }

    pub(crate) fn look_at(&self, c: usize, position: usize) -> Result<Word, Violation> {
        if position < self.det_trimmed[c] {
            return Err(Violation::Trimmed { log: "det", core: c, position });
        }
        let word = self.old.det[c].words.get(position);
        word.copied().ok_or(Violation::Diverged { core: c, position })
    }

    /// Whether the section that `word` logs may be entered: the log must mean this section, and its count have come.
    pub(crate) fn has_come(&mut self, c: usize, word: Word, var: u8, mode: Mode) -> Result<bool, Violation> {
        match word {
            Word::Section { mode: logged, var: of, count, .. } if logged == mode && of == var => {
                let tracked = &self.master.variables[usize::from(var)];
                Ok(count == if mode == Mode::Exclusive { tracked.ended } else { tracked.now.base })
            }
            _ => {
                note!(self, "core {c} wants v{var} {mode:?}, the log has {word:?}");
                Err(self.diverge(c))
            }
        }
    }

    pub(crate) fn diverge(&self, c: usize) -> Violation {
        Violation::Diverged { core: c, position: self.master.cores[c].looked }
    }

    /// Whether an access that no log describes may go ahead.
    pub(crate) fn may_go_live(&self) -> bool {
        self.all_past_cut() || self.rules.broken(Mutant::BarrierAtPacketBoundary)
    }

    /// Notes that the core is past its cut, after an event that may have been its last logged one.
    pub(crate) fn settle(&mut self, c: usize) {
        let core = &mut self.master.cores[c];
        if !core.past && core.looked >= core.cut {
            core.past = true;
            self.master.past += 1;
            note!(self, "core {c} is past its cut");
        }
    }
}
