//! The judge: nothing lost, nothing twice, nothing contradicted. Invariant: it believes only what it has sent and what came out;
//! the one repetition that the protocol allows (a gateway that died between sending a burst and recording it, I2) is let pass only
//! once per death and core, and only if it is the same, byte for byte.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use ftmb_netio::flow::FlowHash;
use ftmb_netio::port::memory::Delivered;

use super::flight::{Flight, Found, Sent};
use crate::scenario::{Contradiction, Frame, Scenario};

/// Outputs per core whose content is remembered: more than any burst has.
const REMEMBERED: usize = 1 << 14;
/// Findings that are told in full.
const TOLD: usize = 8;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Outputs that came out, repetitions not counted.
    pub(super) released: u64,
    /// Numbers that were skipped in the sequence of a core's outputs.
    pub(super) skipped: u64,
    /// Outputs that came out again and should not have.
    pub(super) duplicated: u64,
    /// Outputs that came out again, the same, after a gateway had died between sending and recording them.
    pub(super) repeated: u64,
    /// Outputs that the scenario, or the order of inputs, contradicts.
    pub(super) contradicted: u64,
    /// The first findings in words.
    pub(super) told: Vec<String>,
}

#[derive(Debug, Default)]
struct Core {
    /// Number of its last output.
    last: u64,
    /// Hashes of its last outputs, up to `last`.
    recent: VecDeque<u64>,
    /// Next number of a repetition that is going on.
    repeating: Option<u64>,
    /// Repetitions so far.
    repetitions: u64,
}

/// Judges what comes out.
pub(super) struct Checker {
    scenario: Box<dyn Scenario>,
    flight: Flight,
    cores: Vec<Core>,
    hasher: RandomState,
    gateway_deaths: u64,
    frame: Frame,
    findings: Findings,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("findings", &self.findings).finish_non_exhaustive()
    }
}

impl Checker {
    /// A judge who has seen nothing. `hash`: how the group spreads flows.
    pub(super) fn new(scenario: Box<dyn Scenario>, hash: FlowHash, cores: usize) -> Checker {
        Checker {
            scenario,
            flight: Flight::new(hash, cores),
            cores: (0..cores).map(|_| Core::default()).collect(),
            hasher: RandomState::new(),
            gateway_deaths: 0,
            frame: Frame::new(Default::default(), Vec::new(), 0),
            findings: Findings::default(),
        }
    }

    /// What to send.
    pub(super) fn scenario(&mut self) -> &mut dyn Scenario {
        &mut *self.scenario
    }

    /// A frame was sent.
    pub(super) fn sent(&mut self, sent: Sent) {
        self.flight.sent(sent);
    }

    /// A gateway has died: each core may repeat one burst.
    pub(super) fn gateway_died(&mut self) {
        self.gateway_deaths += 1;
    }

    /// What was found so far.
    pub(super) fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What should have come out and did not, by the scenario; called once.
    pub(super) fn finish(&mut self) -> crate::scenario::Missing {
        self.scenario.finish()
    }

    /// An output came out. Returns when its input was sent, unless it is a repetition or stems from no packet.
    pub(super) fn delivered(&mut self, output: &Delivered<'_>) -> Option<u64> {
        if !self.is_next(output) {
            return None;
        }
        if output.answer {
            return None; // an operator got it
        }
        self.findings.released += 1;
        if output.source == 0 {
            return None; // sent by a tick
        }
        let judged = match self.flight.find(output.core as usize, output.source) {
            Found::Sent(sent) => {
                self.frame.refill(output.port, output.bytes, sent.frame.number());
                Some((self.scenario.observe(&sent.frame, &self.frame), sent.at))
            }
            Found::Forgotten => None,
            Found::Unknown => {
                let what = format!("stems from input {}, which this core did not get next", output.source);
                Some((Err(Contradiction::new(what)), 0))
            }
        };
        let (verdict, at) = judged?;
        match verdict {
            Ok(()) => Some(at),
            Err(contradiction) => {
                self.findings.contradicted += 1;
                self.tell(output, &contradiction.to_string());
                None
            }
        }
    }

    /// Whether an output is one that has not come out before, and counts what is wrong with its number.
    fn is_next(&mut self, output: &Delivered<'_>) -> bool {
        let hash = self.hasher.hash_one((output.port.0, output.source, output.bytes));
        let Some(core) = self.cores.get_mut(output.core as usize) else {
            self.findings.contradicted += 1;
            self.tell(output, "there is no such core");
            return false;
        };
        if output.ordinal <= core.last {
            return self.judge_repetition(output, hash);
        }
        core.repeating = None;
        let skipped = output.ordinal - core.last - 1;
        if skipped != 0 {
            core.recent.clear();
        }
        core.recent.push_back(hash);
        if core.recent.len() > REMEMBERED {
            core.recent.pop_front();
        }
        let last = std::mem::replace(&mut core.last, output.ordinal);
        if skipped != 0 {
            self.findings.skipped += skipped;
            self.tell(output, &format!("follows output {last}: {skipped} are missing between them"));
        }
        true
    }

    fn judge_repetition(&mut self, output: &Delivered<'_>, hash: u64) -> bool {
        let deaths = self.gateway_deaths;
        let core = &mut self.cores[output.core as usize];
        let first = core.last + 1 - core.recent.len() as u64;
        let same = output.ordinal.checked_sub(first).and_then(|at| core.recent.get(at as usize)) == Some(&hash);
        let goes_on = core.repeating == Some(output.ordinal);
        if !goes_on {
            core.repetitions += 1;
        }
        core.repeating = Some(output.ordinal + 1);
        let last = core.last;
        if same && core.repetitions <= deaths {
            self.findings.repeated += 1;
        } else {
            self.findings.duplicated += 1;
            let how = if same { "the same" } else { "different" };
            self.tell(output, &format!("came out again, {how}, after output {last}"));
        }
        false
    }

    fn tell(&mut self, output: &Delivered<'_>, what: &str) {
        if self.findings.told.len() < TOLD {
            self.findings.told.push(format!("core {} output {}: {what}", output.core, output.ordinal));
        }
    }
}

#[cfg(test)]
mod tests;
