//! One line for a user's own test suite: does replay come to the same result? Invariant: only what a recording determines is
//! compared, so a middlebox that keeps to the rules passes on any machine at any speed.

use ftmb_runtime::middlebox::Middlebox;

use super::cause::{Cause, Sample, Surroundings, likely};
use super::difference::{Difference, Place, differences};
use super::output::GroupError;
use super::recoverable::Input;
use super::rerun::{Recording, Run};

/// Replays of each recording from its start, and from a checkpoint in its middle.
const REPLAYS: usize = 2;
/// Replays once a difference is found: what it looks like in each of them tells the cause.
const SAMPLES: usize = 6;
/// Schedules that are recorded with several cores: each is another order of accesses.
const SCHEDULES: usize = 3;

/// Runs a trace and replays it, on one core and on two, and checks that each replay gives what the run gave: every tracked access,
/// every output (port and bytes), every variable at the end.
///
/// The cores' schedules are perturbed: they give the CPU away before some of their tracked accesses, in each run and each replay
/// before others. Replays start from the beginning and from a checkpoint in the middle, in an instance, in memory and on threads of
/// their own. Iteration orders, addresses, clocks, `static`s and `thread_local!`s thus differ, and what depends on them shows. What
/// differs only between processes (the process id, the environment, addresses of functions) does not.
///
/// ```
/// use ftmb::prelude::*;
/// use ftmb::testing::{Input, assert_deterministic};
/// use std::{collections::HashMap, sync::Mutex};
///
/// #[ftmb::shared]
/// struct Lengths { seen: Mutex<HashMap<usize, u64>> }
///
/// #[ftmb::middlebox]
/// impl Lengths {
///     fn new() -> Self {
///         Self { seen: Mutex::new(HashMap::new()) }
///     }
/// }
///
/// #[ftmb::middlebox]
/// impl Middlebox for Lengths {
///     fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
///         let mut seen = self.seen.lock().unwrap();
///         *seen.entry(packet.bytes().len()).or_insert(0) += 1;
///         packet.bytes_mut()[0] = seen.values().fold(0, |sum, count| sum ^ *count as u8);
///         Verdict::Forward(PortId(1))
///     }
/// }
///
/// let trace: Vec<Input> = (0..100).map(|i| Input::Packet(PortId(0), vec![i; 60 + usize::from(i % 7)])).collect();
/// assert_deterministic(Lengths::new, &trace);
/// ```
///
/// # Panics
/// If a replay differs, naming the first output, access and variable that differ and the likely cause: an unordered iteration, an
/// untracked `static`, a real clock, an address used as data. Also if the middlebox itself panics, and for a trace too long to be
/// kept whole (some hundred thousand packets).
#[track_caller]
pub fn assert_deterministic<M: Middlebox>(make: impl Fn() -> M, trace: &[Input]) {
    if let Err(error) = check(&make, trace) {
        panic!("the middlebox is not deterministic, or cannot be run: {error}");
    }
}

/// A replay that differs from its run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Group(#[from] GroupError),
    #[error("a replay on {cores} core{} from {start} differs from its run\n{}\n{cause}", if *.cores == 1 { "" } else { "s" }, list(.differences))]
    Differs { cores: usize, start: &'static str, differences: Vec<Difference>, cause: Cause },
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(|difference| format!("  {difference}")).collect::<Vec<_>>().join("\n")
}

fn check<M: Middlebox>(make: &dyn Fn() -> M, trace: &[Input]) -> Result<(), Failure> {
    check_recording(make, trace, 1, 1)?;
    (0..SCHEDULES).try_for_each(|number| check_recording(make, trace, 2, 10 * (1 + number as u64)))
}

fn check_recording<M: Middlebox>(
    make: &dyn Fn() -> M,
    trace: &[Input],
    cores: usize,
    schedule: u64,
) -> Result<(), Failure> {
    let recording = Recording::of(make, trace, cores, schedule)?;
    if let Some(error) = recording.run.stopped {
        return Err(GroupError::from(error).into());
    }
    for checkpoint in 0..=1 {
        // All runs are kept: an address that is free again would be used again.
        let mut replays = Vec::new();
        let mut found: Option<Vec<Difference>> = None;
        while replays.len() < if found.is_some() { SAMPLES } else { REPLAYS } {
            let schedule = schedule + 1 + (replays.len() + SAMPLES * checkpoint) as u64;
            let replay = recording.replay(make, checkpoint, schedule)?;
            if found.is_none() {
                let differences = differences(&recording.run, &replay, recording.points(checkpoint));
                found = Some(differences).filter(|differences| !differences.is_empty());
            }
            replays.push(replay);
        }
        if let Some(differences) = found {
            let cause = cause(&recording.run, &replays, &differences, cores, checkpoint);
            let start = ["the start", "a checkpoint in the middle"][checkpoint];
            return Err(Failure::Differs { cores, start, differences, cause });
        }
    }
    Ok(())
}

fn cause<M>(run: &Run<M>, replays: &[Run<M>], differences: &[Difference], cores: usize, checkpoint: usize) -> Cause {
    let around = Surroundings::now();
    let causes = differences.iter().filter(|difference| !matches!(difference.place, Place::Course)).map(|difference| {
        let runs = std::iter::once(run).chain(replays);
        let sample = |run| Some(Sample { bytes: Run::bytes_at(run, &difference.place)?, during: run.during });
        likely(&runs.filter_map(sample).collect::<Vec<_>>(), difference.at, &around)
    });
    // Values name their cause better than the setting does; where the setting alone excludes the others, it says more.
    let told = causes.into_iter().find(|cause| *cause != Cause::Unknown);
    match told {
        Some(cause) if cause != Cause::Static => cause,
        _ if cores > 1 => Cause::Untracked,
        _ if checkpoint > 0 => Cause::Hidden,
        Some(cause) => cause,
        None => Cause::Unknown,
    }
}
