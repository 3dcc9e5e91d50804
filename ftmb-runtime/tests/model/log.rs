//! Logs as the model sees them: what was written, published and delivered, and what a closing position cuts off.

use crate::program::{CORES, Mode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Narrow,
    Wide,
}

/// What a draw stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// A value from outside, in the word that follows.
    Value,
    /// The outcome of a failed try; no value follows.
    FailedTry,
}

/// A determinant word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// `W` (exclusive) or `R` (shared).
    Section {
        mode: Mode,
        width: Width,
        var: u8,
        count: u32,
    },
    /// `X`.
    End {
        var: u8,
        count: u32,
    },
    Draw(Tag),
    /// The value of the draw before it.
    Drawn(u32),
}

/// A core's `det` log of one epoch. Words below the checkpoint that the epoch started from are kept as history for
/// the final check; nothing in the protocol reads them.
#[derive(Default)]
pub(crate) struct DetLog {
    pub(crate) words: Vec<Word>,
    /// For each word the position of the input that it stems from.
    pub(crate) stems: Vec<u8>,
    pub(crate) published: usize,
    /// What the required holders have; in a closed log, its closing position.
    pub(crate) delivered: usize,
}

impl DetLog {
    pub(crate) fn restart(&mut self, history: &[Word]) {
        self.words.clear();
        self.words.extend_from_slice(history);
        self.stems.clear();
        self.stems.resize(history.len(), 0);
        self.published = history.len();
        self.delivered = history.len();
    }

    /// How far published words stem from inputs below `inputs`.
    pub(crate) fn reach(&self, inputs: usize) -> usize {
        let mut end = self.delivered;
        while end < self.published && usize::from(self.stems[end]) < inputs {
            end += 1;
        }
        end
    }
}

/// An output, with the positions that must be stable and passed before it may leave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) content: u32,
    /// Chain over the contents of all outputs of this core, this one included.
    pub(crate) hash: u32,
    pub(crate) needs_det: usize,
    pub(crate) needs_in: usize,
}

/// A core's `out` log of one epoch. Ordinals start at 1; `first` frames precede the log.
#[derive(Default)]
pub(crate) struct OutLog {
    pub(crate) frames: Vec<Frame>,
    pub(crate) first: usize,
    /// Ordinals, like all positions of this log.
    pub(crate) published: usize,
    pub(crate) delivered: usize,
    pub(crate) trimmed: usize,
}

impl OutLog {
    pub(crate) fn restart(&mut self, ordinal: usize) {
        self.frames.clear();
        self.first = ordinal;
        self.published = ordinal;
        self.delivered = ordinal;
        self.trimmed = ordinal;
    }

    pub(crate) fn frame(&self, ordinal: usize) -> Frame {
        self.frames[ordinal - self.first - 1]
    }

    pub(crate) fn end(&self) -> usize {
        self.first + self.frames.len()
    }
}

/// The logs that a master writes during its epoch.
#[derive(Default)]
pub(crate) struct Logs {
    pub(crate) det: [DetLog; CORES],
    pub(crate) out: [OutLog; CORES],
}

/// One packet on its way in: which script it triggers, and its content.
#[derive(Clone, Copy)]
pub(crate) struct Input {
    pub(crate) script: u8,
    pub(crate) nonce: u32,
}

/// The input logger's side of one `in` log.
#[derive(Default)]
pub(crate) struct InLog {
    pub(crate) inputs: Vec<Input>,
    /// Stamped and readable by the master; the inputs behind are still to come.
    pub(crate) written: usize,
    pub(crate) stable: usize,
    pub(crate) trimmed: usize,
}
