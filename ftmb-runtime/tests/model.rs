//! An executable model of the protocol, independent of the runtime's code: random programs on two to four cores, a
//! random interleaving of master, streams, output logger, gateway and keeper, arbitrary undelivered suffixes, one to
//! three crashes, also during replay. The protocol must never violate an invariant; each mutant, which leaves out one
//! rule, must be caught.
//!
//! `FTMB_MODEL_CASES` sets how many cases of the correct protocol are run, `FTMB_MODEL_SEED` the first seed.
//! Not modelled: memory ordering, full logs, panics.

#[path = "model/checkpoint.rs"]
mod checkpoint;
#[path = "model/group.rs"]
mod group;
#[path = "model/image.rs"]
mod image;
#[path = "model/log.rs"]
mod log;
#[path = "model/master.rs"]
mod master;
#[path = "model/mutant.rs"]
mod mutant;
#[path = "model/oracle.rs"]
mod oracle;
#[path = "model/program.rs"]
mod program;
#[path = "model/recovery.rs"]
mod recovery;
#[path = "model/release.rs"]
mod release;
#[path = "model/replay.rs"]
mod replay;
#[path = "model/rng.rs"]
mod rng;
#[path = "model/scene.rs"]
mod scene;
#[path = "model/scheduler.rs"]
mod scheduler;
#[path = "model/search.rs"]
mod search;
#[path = "model/sink.rs"]
mod sink;
#[path = "model/verdict.rs"]
mod verdict;

use std::time::Instant;

use mutant::Mutant;
use search::{search_all, search_mutant, setting, tell};
use verdict::Violation;

/// The most cases in which a mutant must be caught; the rarest need a few thousand.
const MOST: u64 = 50_000;

#[test]
fn the_protocol_violates_no_invariant() {
    let first = setting("FTMB_MODEL_SEED", 0);
    let count = setting("FTMB_MODEL_CASES", 100_000);
    let start = Instant::now();
    let (stats, found) = search_all(first, count);
    println!("{stats}, {:.1} s", start.elapsed().as_secs_f32());
    if let Some(found) = found {
        let seed = found.seed;
        panic!(
            "{}run it again: FTMB_MODEL_SEED={seed} FTMB_MODEL_CASES=1 \
             cargo test -p ftmb-runtime --test model the_protocol",
            tell(seed, None).0,
        );
    }
}

#[test]
fn a_violation_is_found_again_and_told() {
    let (_, found) = search_mutant(Mutant::BarrierAtPacketBoundary, "mixed", MOST, |_| true);
    let found = found.expect("a mutant that other tests catch");
    let (text, verdict) = tell(found.seed, Some(Mutant::BarrierAtPacketBoundary));
    assert_eq!(verdict, Err(found.violation));
    for part in [&format!("case {}", found.seed), "crashes", "replays from checkpoint", "violation: "] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

/// Asserts that a search of the scene catches the mutant by a violation of the kind that its rule is there to prevent.
fn assert_caught(mutant: Mutant, scene: &str, expected: fn(&Violation) -> bool) {
    let (stats, found) = search_mutant(mutant, scene, MOST, expected);
    match found {
        Some(found) => {
            println!("{mutant:?} caught in case {} (seed {}): {}", found.cases, found.seed, found.violation);
            println!("{stats}");
        }
        None => panic!("{mutant:?} was not caught: {stats}"),
    }
}

macro_rules! caught {
    ($($(#[$row:meta])* $name:ident: $mutant:ident in $scene:literal shows $($kind:ident)|+;)+) => {
        $(
            $(#[$row])*
            #[test]
            fn $name() {
                assert_caught(Mutant::$mutant, $scene, |found| matches!(found, $(Violation::$kind { .. })|+));
            }
        )+
    };
}

// The table of reasons, row by row.
caught! {
    /// "`X` closes wide sections". A deadlock shows sooner; the contradicted output that the row tells of is rare.
    wide_exclusive_sections_need_an_x: WideWriterWithoutX in "draws and tries" shows Contradicted | HashDisagrees;
    /// "pending word flushed before an `X`"
    the_pending_word_goes_before_an_x: PendingWordStaysBehindX in "nested sections" shows Diverged;
    /// "no commit before the epoch is active". It takes a failed takeover whose checkpoint meets words that the master
    /// before it published behind the cut, and programs that take another path there: hence a scene of its own, whose
    /// packets emit little (a new output of the failed epoch would hold the commit back).
    no_commit_before_the_epoch_is_active: CommitBeforeActive in "hasty checkpoints" shows Diverged;
    /// "the commit point of a checkpoint comes after the OL's release ..."
    commit_comes_after_release: CommitBeforeRelease in "outputs lag behind" shows Skipped;
    /// "... and before it is applied"
    commit_comes_before_application: ApplyBeforeCommit in "checkpoints" shows Skipped;
    /// "a core is past its cut only when its last section is entered and counted". The wait for the count and the real
    /// lock are two steps of a replaying core.
    past_the_cut_means_entered_and_counted: PastCutBeforeEntry in "mixed" shows Diverged;
    /// "a downgrade really downgrades before its `R` waits"
    a_downgrade_downgrades_before_it_waits: DowngradeAfterWait in "readers and downgrades" shows Stuck;
    /// "shared sections count in `acq` ..."
    shared_sections_count: SharedSectionUncounted in "readers and downgrades" shows Stuck;
    /// "... wide readers have an `X`"
    wide_shared_sections_need_an_x: WideReaderWithoutX in "nested sections" shows Stuck;
    /// "draws make a section wide"
    draws_make_a_section_wide: DrawKeepsNarrow in "draws and tries" shows Contradicted | HashDisagrees;
    /// "the barrier of 6.3 is at the next access, not at the packet boundary"
    the_barrier_is_at_the_next_access: BarrierAtPacketBoundary in "draws and tries" shows Diverged;
    /// "activation is judged at the OL's cursors, not at the standby"
    activation_is_judged_at_the_cursors: ActiveAtStandby in "determinants lag behind"
        shows Contradicted | HashDisagrees;
    /// "no flip within a cut ..."
    no_flip_within_a_cut: FlipWithinCut in "checkpoints" shows Stuck;
    /// "... trim only after complete"
    trim_only_after_complete: TrimBeforeComplete in "checkpoints" shows Trimmed;
    /// "counts of variables only read are captured"
    counts_of_variables_only_read_are_captured: ReadCountsNotCaptured in "checkpoints" shows Stuck;
    /// "equality of 32-bit counts, never order". Counts are kept modulo a small power of two, just above what the words
    /// of the case need, and checkpoint 0 stands for a past of up to three quarters of that range in reads only.
    counts_are_compared_for_equality: CountsByOrder in "readers and downgrades" shows Stuck;
    /// "`in` ahead of `det`". A crash may take the host with the inputs that nobody else has; others
    /// come in their place.
    inputs_are_shipped_ahead_of_determinants: DetAheadOfIn in "inputs lag behind" shows Diverged;
    /// "suppression by absolute ordinal"
    suppression_is_by_ordinal: SuppressionByFrameCount in "checkpoints" shows Contradicted | HashDisagrees;
    /// "iteration order of hash maps must survive a restore". A variable carries a small map that is iterated in the
    /// order of insertion; the mutant's restore sorts it, as an index rebuilt with another seed would.
    map_order_survives_a_restore: MapOrderForgotten in "checkpoints" shows Diverged | HashDisagrees;
}

// Rules that the protocol's other sections state.
caught! {
    outputs_wait_for_their_inputs: OutputBeforeInput in "inputs lag behind" shows Contradicted | HashDisagrees;
    outputs_need_the_pending_word: PendingWordNotNeeded in "mixed" shows Contradicted | HashDisagrees;
    commit_waits_for_the_inputs_of_the_flip: CommitBeforeInputs in "inputs lag behind" shows InputLost;
    a_restarted_output_logger_reaches_the_fixed_point_first: CutBeforeFixedPoint in "restless proxies"
        shows Contradicted | HashDisagrees;
    nothing_past_a_closing_position_is_released: ReleaseAfterFence in "inputs lag behind"
        shows Contradicted | HashDisagrees;
    an_uncommitted_delta_does_not_survive_a_fence: StaleDeltaKept in "checkpoints"
        shows Diverged | HashDisagrees | Skipped;
    a_half_applied_delta_is_finished: HalfAppliedDeltaLoaded in "checkpoints" shows Stuck | Diverged;
    agreement_is_recorded_before_its_frame_is_trimmed: FrameTrimmedBeforeRecord in "restless proxies" shows Trimmed;
    the_first_write_after_a_flip_saves_the_value: OldValueNotSaved in "checkpoints" shows Diverged | HashDisagrees;
    the_first_acquisition_after_a_flip_saves_the_counts: OldCountsNotSaved in "checkpoints" shows Stuck | Diverged;
}
