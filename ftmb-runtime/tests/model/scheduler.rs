//! Who moves next: a random interleaving with crashes in it, then everything that is left, until nothing moves.

use crate::group::{Group, note};
use crate::master::Phase;
use crate::mutant::{Mutant, Rules};
use crate::oracle::verify;
use crate::scene::{Scene, Weights};
use crate::verdict::Violation;

/// Whatever moves by itself in a group.
#[derive(Clone, Copy)]
pub(crate) enum Actor {
    Cores,
    /// Inputs arrive, and become stable.
    InputLogger,
    /// Streams deliver what was published.
    DetStream,
    OutStream,
    Cursors,
    Outputs,
    Gateway,
    Operator,
    Capture,
    Keeper,
    OutputLoggerRestart,
    KeeperRestart,
}

fn total(weights: &Weights) -> usize {
    weights.iter().map(|(weight, _)| weight).sum()
}

/// Picks an actor by its weight.
fn pick(weights: &Weights, mut at: usize) -> Actor {
    for &(weight, actor) in weights {
        if at < weight {
            return actor;
        }
        at -= weight;
    }
    Actor::Cores
}

/// Runs one case to its end and judges it.
pub(crate) fn run(seed: u64, scene: &'static Scene, rules: Rules, told: bool) -> (Group, Result<(), Violation>) {
    let mut group = Group::new(seed, scene, rules, told);
    let verdict = group.run();
    (group, verdict)
}

impl Group {
    fn run(&mut self) -> Result<(), Violation> {
        let crashes = 1 + self.rng.below(3);
        for crash in 0..crashes {
            let soon = crash > 0 && self.rng.chance(self.schedule.soon);
            let steps = self.rng.below(if soon { 30 } else { self.schedule.gap });
            self.wander(steps)?;
            if crash + 1 == crashes && self.rng.chance(15) {
                self.drain()?;
            }
            self.crash()?;
        }
        let steps = self.rng.below(self.schedule.gap);
        self.wander(steps)?;
        self.drain()?;
        self.check_complete()?;
        verify(self)
    }

    fn wander(&mut self, steps: usize) -> Result<(), Violation> {
        let totals = [&self.schedule.active, &self.schedule.replaying].map(total);
        let mut idle = 0;
        for _ in 0..steps {
            let actor = if self.record.active {
                pick(&self.schedule.active, self.rng.below(totals[0]))
            } else {
                pick(&self.schedule.replaying, self.rng.below(totals[1]))
            };
            if self.act(actor)? {
                idle = 0;
            } else {
                idle += 1;
                if idle > 40 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn act(&mut self, actor: Actor) -> Result<bool, Violation> {
        let c = self.rng.below(self.program.cores);
        let mut moved = false;
        match actor {
            Actor::Cores => {
                let mut left = 1 + self.rng.below(5);
                while left > 0 && self.step_core(c)? {
                    moved = true;
                    left -= 1;
                }
            }
            Actor::InputLogger => {
                let log = &mut self.inputs[c];
                if log.written < log.inputs.len() && (log.stable == log.written || self.rng.chance(60)) {
                    log.written += 1;
                    moved = true;
                } else if log.stable < log.written {
                    log.stable += 1;
                    moved = true;
                }
            }
            Actor::DetStream => moved = self.deliver_det(c, true),
            Actor::OutStream => moved = self.deliver_out(c, true),
            Actor::Cursors => {
                let mut left = 1 + self.rng.below(6);
                while left > 0 && self.step_cursor(c)? {
                    moved = true;
                    left -= 1;
                }
            }
            Actor::Outputs => moved = self.step_outputs(c)?,
            Actor::Gateway => moved = self.step_gateway(),
            Actor::Operator => moved = self.request_checkpoint(),
            Actor::Capture => moved = self.step_capture(),
            Actor::Keeper => moved = self.step_keeper(),
            Actor::OutputLoggerRestart => self.restart_output_logger()?,
            Actor::KeeperRestart => self.restart_keeper(),
        }
        Ok(moved)
    }

    /// Delivers published words whose inputs are stable: some of them, or all.
    fn deliver_det(&mut self, c: usize, some: bool) -> bool {
        let det = &self.logs.det[c];
        let inputs = if self.rules.broken(Mutant::DetAheadOfIn) { usize::MAX } else { self.inputs[c].stable };
        let end = det.reach(inputs);
        if end == det.delivered {
            return false;
        }
        let end = if some { self.rng.between((det.delivered + 1, end)) } else { end };
        self.logs.det[c].delivered = end;
        note!(self, "det of core {c} delivered up to {end}");
        true
    }

    fn deliver_out(&mut self, c: usize, some: bool) -> bool {
        let out = &self.logs.out[c];
        if out.delivered == out.published {
            return false;
        }
        let end = if some { self.rng.between((out.delivered + 1, out.published)) } else { out.published };
        self.logs.out[c].delivered = end;
        true
    }

    /// Lets everybody move until nobody can.
    fn drain(&mut self) -> Result<(), Violation> {
        note!(self, "nothing fails any more");
        let mut moved = true;
        while moved {
            moved = false;
            for c in 0..self.program.cores {
                self.inputs[c].written = self.inputs[c].inputs.len();
                self.inputs[c].stable = self.inputs[c].written;
                while self.step_core(c)? {
                    moved = true;
                }
                moved |= self.deliver_det(c, false);
                moved |= self.deliver_out(c, false);
                while self.step_cursor(c)? {
                    moved = true;
                }
                while self.step_outputs(c)? {
                    moved = true;
                }
            }
            while self.step_capture() || self.step_keeper() || self.step_gateway() {
                moved = true;
            }
        }
        Ok(())
    }

    /// Whether nothing moves because nothing is left to do.
    fn check_complete(&self) -> Result<(), Violation> {
        for c in 0..self.program.cores {
            let core = &self.master.cores[c];
            let waiting_for = if core.phase != Phase::Boundary {
                "a section"
            } else if core.input < self.inputs[c].inputs.len() {
                "its next input"
            } else if self.ol.cursor[c] < self.logs.det[c].words.len() {
                "its determinants to be passed"
            } else if self.released[c].ordinal < self.logs.out[c].end() {
                "its outputs to be released"
            } else {
                continue;
            };
            return Err(Violation::Stuck { waiting_for, core: c });
        }
        if !self.record.active {
            return Err(Violation::Stuck { waiting_for: "the epoch to become active", core: 0 });
        }
        if !self.checkpoint.is_idle() {
            return Err(Violation::Stuck { waiting_for: "the checkpoint", core: 0 });
        }
        Ok(())
    }
}
