//! The world behind the output logger: it remembers what left, and objects to what must not (I2).

use crate::program::CORES;
use crate::verdict::Violation;

#[derive(Default)]
pub(crate) struct Sink {
    pub(crate) seen: [Vec<u32>; CORES],
    /// Ordinals up to here may come again, once: their sender died before it recorded them.
    repeatable: [usize; CORES],
}

impl Sink {
    pub(crate) fn receive(&mut self, core: usize, ordinal: usize, content: u32) -> Result<(), Violation> {
        let seen = &mut self.seen[core];
        if ordinal == seen.len() + 1 {
            seen.push(content);
            Ok(())
        } else if ordinal > seen.len() {
            Err(Violation::Skipped { core, ordinal })
        } else if seen[ordinal - 1] != content {
            Err(Violation::Contradicted { core, ordinal })
        } else if ordinal > self.repeatable[core] {
            Err(Violation::Repeated { core, ordinal })
        } else {
            Ok(())
        }
    }

    /// The sender of what came last died before it recorded the burst.
    pub(crate) fn expect_repeat(&mut self, core: usize) {
        self.repeatable[core] = self.seen[core].len();
    }

    /// All up to `ordinal` is recorded and must not come again.
    pub(crate) fn forbid_repeat(&mut self, core: usize, ordinal: usize) {
        if ordinal >= self.repeatable[core] {
            self.repeatable[core] = 0;
        }
    }
}
