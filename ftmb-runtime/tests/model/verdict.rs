//! What a case can end in: a violation of one of the invariants, named with the place where it showed.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// I2: an ordinal left twice with different contents.
    Contradicted { core: usize, ordinal: usize },
    /// I2: an ordinal left again outside the one burst that a dying output logger may repeat.
    Repeated { core: usize, ordinal: usize },
    /// I2: an ordinal left before its predecessor.
    Skipped { core: usize, ordinal: usize },
    /// I1, I6: replay asked for something else than the log holds.
    Diverged { core: usize, position: usize },
    /// I1, I6: replay reached the released ordinal with another hash.
    HashDisagrees { core: usize, ordinal: usize },
    /// A position that was trimmed is needed again.
    Trimmed { log: &'static str, core: usize, position: usize },
    /// A checkpoint covers an input that no longer exists.
    InputLost { core: usize, input: usize },
    /// I3: nothing can move, but work remains.
    Stuck { waiting_for: &'static str, core: usize },
    /// I1, I5: what left, or the final state, is not what the surviving log describes.
    Inconsistent { what: &'static str, at: usize },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Contradicted { core, ordinal } => write!(f, "output {ordinal} of core {core} contradicted"),
            Self::Repeated { core, ordinal } => write!(f, "output {ordinal} of core {core} left twice"),
            Self::Skipped { core, ordinal } => write!(f, "output {ordinal} of core {core} left out of order"),
            Self::Diverged { core, position } => write!(f, "core {core} diverged at det position {position}"),
            Self::HashDisagrees { core, ordinal } => write!(f, "core {core} has another hash at output {ordinal}"),
            Self::Trimmed { log, core, position } => write!(f, "{log} of core {core} trimmed at {position}, needed"),
            Self::InputLost { core, input } => write!(f, "input {input} of core {core} is covered, but lost"),
            Self::Stuck { waiting_for, core } => write!(f, "stuck: core {core} waits for {waiting_for}"),
            Self::Inconsistent { what, at } => write!(f, "{what} {at} is not what the surviving log describes"),
        }
    }
}
