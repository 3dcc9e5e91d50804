//! The rules of the protocol that the model can break, one at a time.

use crate::program::Mode;

/// A rule left out. The first group follows the protocol's own table of reasons, row by row; the second breaks rules
/// that its other sections state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A wide exclusive section has no `X`: it counts as closed where it starts.
    WideWriterWithoutX,
    /// The pending word of another section is not flushed before an `X`.
    PendingWordStaysBehindX,
    /// A checkpoint may be committed before its epoch is active.
    CommitBeforeActive,
    /// A checkpoint is committed without waiting for the release of what precedes its flip.
    CommitBeforeRelease,
    /// The keeper applies a delta as soon as it is staged.
    ApplyBeforeCommit,
    /// A core counts as past its cut when its last section may be entered, before it is.
    PastCutBeforeEntry,
    /// A downgrade holds the lock exclusively until its `R` has waited.
    DowngradeAfterWait,
    /// Shared sections add nothing to `acq`.
    SharedSectionUncounted,
    /// A wide shared section has no `X`.
    WideReaderWithoutX,
    /// A draw leaves the section around it narrow.
    DrawKeepsNarrow,
    /// The barrier behind the cut stands at the packet boundary.
    BarrierAtPacketBoundary,
    /// The epoch is active once the standby's cores are past their cuts.
    ActiveAtStandby,
    /// A checkpoint may be requested while a core is within its cut.
    FlipWithinCut,
    /// `in` and `det` are trimmed when a checkpoint may be committed, before it is.
    TrimBeforeComplete,
    /// Only the counts of variables acquired exclusively are captured.
    ReadCountsNotCaptured,
    /// The output logger compares counts by order (half the range ahead is behind).
    CountsByOrder,
    /// `det` is shipped without waiting for the inputs that it stems from.
    DetAheadOfIn,
    /// Suppression counts the frames of the new log instead of comparing ordinals.
    SuppressionByFrameCount,
    /// A restored map iterates in an order of its own.
    MapOrderForgotten,

    /// An output leaves without waiting for its own input to be stable.
    OutputBeforeInput,
    /// An output's `det` position leaves out the pending word.
    PendingWordNotNeeded,
    /// A checkpoint is committed although inputs that it covers are not stable.
    CommitBeforeInputs,
    /// The cut is handed over before the (restarted) output logger has reached the fixed point.
    CutBeforeFixedPoint,
    /// The output logger goes on reading and releasing a fenced master's logs past their closing positions.
    ReleaseAfterFence,
    /// A staged, uncommitted delta of a fenced epoch passes for that of the next one.
    StaleDeltaKept,
    /// A takeover does not finish a half-applied committed delta.
    HalfAppliedDeltaLoaded,
    /// The frame that agreement rests on is trimmed before the agreement is recorded.
    FrameTrimmedBeforeRecord,
    /// The first write after a flip does not save the old value.
    OldValueNotSaved,
    /// The first acquisition after a flip does not save the counts.
    OldCountsNotSaved,
}

/// The rules of one run: the protocol, or the protocol less one rule.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) mutant: Option<Mutant>,
}

impl Rules {
    pub(crate) fn broken(self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// What a section adds to `acq` when it begins and to the ended ones when it ends.
    pub(crate) fn weight(self, mode: Mode) -> u32 {
        u32::from(mode == Mode::Exclusive || !self.broken(Mutant::SharedSectionUncounted))
    }

    /// Whether a wide section of this mode ends with an `X`. Uncounted shared sections have nothing to close.
    pub(crate) fn has_end(self, mode: Mode) -> bool {
        match mode {
            Mode::Exclusive => !self.broken(Mutant::WideWriterWithoutX),
            Mode::Shared => !self.broken(Mutant::WideReaderWithoutX) && !self.broken(Mutant::SharedSectionUncounted),
        }
    }
}
