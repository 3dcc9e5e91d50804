//! Seeded search: which cases are run, on how many threads, and how a violation is told.

use std::env;
use std::fmt::Write as _;
use std::thread;

use crate::group::Stats;
use crate::mutant::{Mutant, Rules};
use crate::scene::SCENES;
use crate::scheduler::run;
use crate::verdict::Violation;

const THREADS: u64 = 2;

/// A case that ended in a violation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) seed: u64,
    pub(crate) violation: Violation,
    /// Cases run until it was found, it included.
    pub(crate) cases: u64,
}

/// A number from the environment.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
        Err(_) => default,
    }
}

/// The scene that a seed belongs to.
pub(crate) fn scene_of(seed: u64) -> usize {
    (seed % SCENES.len() as u64) as usize
}

/// Runs the cases `first..first + count` of the correct protocol. The violation reported is that of the lowest
/// seed.
pub(crate) fn search_all(first: u64, count: u64) -> (Stats, Option<Found>) {
    let shares: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|share| {
                scope.spawn(move || {
                    let mut stats = Stats::default();
                    for at in (share..count).step_by(THREADS as usize) {
                        let seed = first.wrapping_add(at);
                        if let Err(violation) = run_seed(seed, None, &mut stats) {
                            return (stats, Some(Found { seed, violation, cases: at + 1 }));
                        }
                    }
                    (stats, None)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a case panicked")).collect()
    });
    let mut stats = Stats::default();
    for (share, _) in &shares {
        stats.add(share);
    }
    (stats, shares.into_iter().filter_map(|(_, found)| found).min_by_key(|found| found.seed))
}

/// Looks for a violation of a mutant that shows as expected, among at most `most` cases of the scene called `scene`.
pub(crate) fn search_mutant(
    mutant: Mutant,
    scene: &str,
    most: u64,
    expected: fn(&Violation) -> bool,
) -> (Stats, Option<Found>) {
    let scene = SCENES.iter().position(|known| known.name == scene).expect("no such scene");
    let scenes = SCENES.len() as u64;
    let first = setting("FTMB_MODEL_SEED", 0) / scenes;
    let mut stats = Stats::default();
    for at in 0..most {
        let seed = (first + at) * scenes + scene as u64;
        match run_seed(seed, Some(mutant), &mut stats) {
            Err(violation) if expected(&violation) => return (stats, Some(Found { seed, violation, cases: at + 1 })),
            _ => {}
        }
    }
    (stats, None)
}

fn run_seed(seed: u64, mutant: Option<Mutant>, stats: &mut Stats) -> Result<(), Violation> {
    let (group, verdict) = run(seed, &SCENES[scene_of(seed)], Rules { mutant }, false);
    stats.add(&group.stats);
    verdict
}

/// Runs a case again and tells it: the programs, then what happened.
pub(crate) fn tell(seed: u64, mutant: Option<Mutant>) -> (String, Result<(), Violation>) {
    let scene = &SCENES[scene_of(seed)];
    let (group, verdict) = run(seed, scene, Rules { mutant }, true);
    let mut text = format!("case {seed}, scene \"{}\", {} variables\n", scene.name, group.program.variables);
    for (c, scripts) in group.program.scripts.iter().enumerate() {
        for (at, script) in scripts.iter().enumerate() {
            let _ = writeln!(text, "  core {c}, script {at}: {script:?}");
        }
    }
    for line in group.trace.iter().flatten() {
        let _ = writeln!(text, "  {line}");
    }
    match verdict {
        Ok(()) => text.push_str("no violation\n"),
        Err(violation) => {
            let _ = writeln!(text, "violation: {violation}");
        }
    }
    (text, verdict)
}
