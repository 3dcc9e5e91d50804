//! A checkpoint on its way: flip, capture while packets flow, staging, commit, application, trimming.

use crate::group::{Group, note};
use crate::image::{CoreImage, Image, Variable, sort_keys};
use crate::log::Word;
use crate::master::Phase;
use crate::mutant::Mutant;
use crate::program::{CORES, VARIABLES};
use crate::verdict::Violation;

/// What changed between two flips: objects written, counts of variables acquired, and every core.
#[derive(Clone, Default)]
pub(crate) struct Delta {
    number: u32,
    values: [Option<(u32, u32)>; VARIABLES],
    counts: [Option<(u32, u32)>; VARIABLES],
    cores: [CoreImage; CORES],
    history: [Vec<Word>; CORES],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Requested,
    Capturing,
    /// Whole in `ckpt`; the keeper has read so many of its variables.
    Written(usize),
    Staged,
    /// Committed; the keeper has applied so many of its variables.
    Committed(usize),
}

pub(crate) struct Checkpoint {
    stage: Stage,
    delta: Delta,
    wants_value: [bool; VARIABLES],
    wants_counts: [bool; VARIABLES],
}

impl Checkpoint {
    pub(crate) fn idle() -> Self {
        Self {
            stage: Stage::Idle,
            delta: Delta::default(),
            wants_value: [false; VARIABLES],
            wants_counts: [false; VARIABLES],
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    /// Whether a core that reaches a packet boundary must stop there.
    pub(crate) fn holds_cores(&self) -> bool {
        self.stage == Stage::Requested
    }

    /// Called by the first write after a flip, with the old value.
    pub(crate) fn save_value(&mut self, v: usize, old: &Variable) {
        if self.wants_value[v] {
            self.wants_value[v] = false;
            self.delta.values[v] = Some((old.value, old.map));
        }
    }

    /// Called by the first acquisition after a flip, with the old counts.
    pub(crate) fn save_counts(&mut self, v: usize, old: &Variable) {
        if self.wants_counts[v] {
            self.wants_counts[v] = false;
            self.delta.counts[v] = Some((old.acq, old.base));
        }
    }

    /// The keeper's process ends and another one starts: what it had only read or half applied, it does again.
    fn forget_keeper(&mut self) {
        match &mut self.stage {
            Stage::Written(done) | Stage::Committed(done) => *done = 0,
            _ => {}
        }
    }
}

impl Image {
    fn apply_variable(&mut self, delta: &Delta, v: usize) {
        if let Some((value, map)) = delta.values[v] {
            self.variables[v].value = value;
            self.variables[v].map = map;
        }
        if let Some((acq, base)) = delta.counts[v] {
            self.variables[v].acq = acq;
            self.variables[v].base = base;
        }
    }

    fn apply_rest(&mut self, delta: &Delta) {
        self.number = delta.number;
        self.cores = delta.cores;
    }

    /// Applies all of `delta`, whatever part of it was applied before.
    fn apply(&mut self, delta: &Delta) {
        for v in 0..VARIABLES {
            self.apply_variable(delta, v);
        }
        self.apply_rest(delta);
    }
}

impl Group {
    /// Asks for a checkpoint, if none is under way and no core is within its cut.
    pub(crate) fn request_checkpoint(&mut self) -> bool {
        let allowed = self.all_past_cut() || self.rules.broken(Mutant::FlipWithinCut);
        if self.checkpoint.stage != Stage::Idle || !allowed {
            return false;
        }
        self.checkpoint.stage = Stage::Requested;
        note!(self, "checkpoint {} requested", self.record.committed + 1);
        true
    }

    /// The master's part: flip once every core is at a packet boundary, then capture beside the packets.
    pub(crate) fn step_capture(&mut self) -> bool {
        match self.checkpoint.stage {
            Stage::Requested => self.flip(),
            Stage::Capturing => self.capture(),
            _ => false,
        }
    }

    fn flip(&mut self) -> bool {
        let cores = self.program.cores;
        if (0..cores).any(|c| self.master.cores[c].phase != Phase::Boundary) {
            return false;
        }
        let mut delta = Delta { number: self.record.committed + 1, ..Delta::default() };
        for c in 0..cores {
            self.publish(c);
            let core = &self.master.cores[c];
            let (det, ordinal) = (self.logs.det[c].words.len(), self.logs.out[c].end());
            let image = CoreImage { input: core.input, det, ordinal, hash: core.hash, register: core.register };
            delta.cores[c] = image;
            delta.history[c].clone_from(&self.logs.det[c].words);
        }
        for v in 0..self.program.variables {
            let tracked = &mut self.master.variables[v];
            self.checkpoint.wants_value[v] = tracked.written;
            self.checkpoint.wants_counts[v] = tracked.acquired;
            tracked.written = false;
            tracked.acquired = false;
        }
        self.checkpoint.delta = delta;
        self.checkpoint.stage = Stage::Capturing;
        note!(self, "checkpoint {} flips", self.checkpoint.delta.number);
        true
    }

    /// Captures one variable, taking its lock without counting.
    fn capture(&mut self) -> bool {
        for v in 0..self.program.variables {
            if self.checkpoint.wants_value[v] || self.checkpoint.wants_counts[v] {
                let tracked = &self.master.variables[v];
                if tracked.writer.is_some() {
                    return false;
                }
                self.checkpoint.save_value(v, &tracked.now);
                self.checkpoint.save_counts(v, &tracked.now);
                note!(self, "checkpoint {} captures v{v}", self.checkpoint.delta.number);
                return true;
            }
        }
        self.checkpoint.stage = Stage::Written(0);
        true
    }

    /// The keeper's part: stage the whole delta; apply it once committed; then let the logs be trimmed.
    pub(crate) fn step_keeper(&mut self) -> bool {
        match self.checkpoint.stage {
            Stage::Written(read) if read < self.program.variables => self.checkpoint.stage = Stage::Written(read + 1),
            Stage::Written(_) => self.stage_delta(),
            Stage::Committed(applied) if applied < self.program.variables => {
                if let Some(staged) = &self.staged {
                    self.image.apply_variable(staged, applied);
                }
                self.checkpoint.stage = Stage::Committed(applied + 1);
                note!(self, "keeper applies v{applied}");
            }
            Stage::Committed(_) => {
                self.finish_delta();
                self.trim();
                self.checkpoint.stage = Stage::Idle;
                self.stats.checkpoints += 1;
                note!(self, "checkpoint {} is complete", self.image.number);
            }
            _ => return false,
        }
        true
    }

    fn stage_delta(&mut self) {
        let stale = self.staged.as_ref().is_some_and(|staged| staged.number == self.checkpoint.delta.number);
        if !(stale && self.rules.broken(Mutant::StaleDeltaKept)) {
            self.staged = Some(self.checkpoint.delta.clone());
        }
        self.checkpoint.stage = Stage::Staged;
        note!(self, "keeper stages checkpoint {}", self.checkpoint.delta.number);
        if self.rules.broken(Mutant::ApplyBeforeCommit) {
            self.finish_delta();
        }
    }

    /// Applies the staged delta, all of it.
    fn finish_delta(&mut self) {
        if let Some(staged) = &self.staged {
            self.image.apply(staged);
            self.image.history.clone_from(&staged.history);
        }
    }

    fn trim(&mut self) {
        for c in 0..self.program.cores {
            self.inputs[c].trimmed = self.checkpoint.delta.cores[c].input;
            self.det_trimmed[c] = self.checkpoint.delta.cores[c].det;
        }
    }

    /// The gateway's part: activate the epoch, and commit what is staged and released.
    pub(crate) fn step_gateway(&mut self) -> bool {
        if !self.record.active && self.is_reproduced() {
            self.record.active = true;
            note!(self, "epoch {} is active", self.record.epoch);
            return true;
        }
        let may_commit = self.record.active || self.rules.broken(Mutant::CommitBeforeActive);
        if self.checkpoint.stage != Stage::Staged || !may_commit || !self.is_flip_released() {
            return false;
        }
        if self.rules.broken(Mutant::TrimBeforeComplete) {
            self.trim();
            if self.rng.chance(70) {
                return true;
            }
        }
        self.record.committed = self.checkpoint.delta.number;
        self.committed.apply(&self.checkpoint.delta);
        self.checkpoint.stage = Stage::Committed(0);
        note!(self, "checkpoint {} is committed", self.record.committed);
        true
    }

    /// Whether the new logs have reached the old cut and agree with everything released before.
    fn is_reproduced(&self) -> bool {
        (0..self.program.cores).all(|c| {
            let reached = if self.rules.broken(Mutant::ActiveAtStandby) {
                self.all_past_cut()
            } else {
                self.ol.cursor[c] >= self.ol.cut[c]
            };
            reached && self.released[c].agreed == self.record.epoch
        })
    }

    /// Whether everything before the flip is passed and recorded as released, and its inputs are stable.
    fn is_flip_released(&self) -> bool {
        (0..self.program.cores).all(|c| {
            let flip = &self.checkpoint.delta.cores[c];
            self.ol.cursor[c] >= flip.det
                && (self.released[c].ordinal >= flip.ordinal || self.rules.broken(Mutant::CommitBeforeRelease))
                && (self.inputs[c].stable >= flip.input || self.rules.broken(Mutant::CommitBeforeInputs))
        })
    }

    pub(crate) fn restart_keeper(&mut self) {
        note!(self, "keeper restarts");
        self.stats.keeper_restarts += 1;
        self.checkpoint.forget_keeper();
    }

    /// What a fence leaves of a checkpoint on its way: nothing, or all of it. Returns the image to start from.
    pub(crate) fn load_image(&mut self) -> Result<Image, Violation> {
        self.checkpoint = Checkpoint::idle();
        if self.image.number < self.record.committed && !self.rules.broken(Mutant::HalfAppliedDeltaLoaded) {
            self.finish_delta();
        }
        if !self.rules.broken(Mutant::StaleDeltaKept) {
            self.staged = None;
        }
        let mut image = self.image.clone();
        if self.rules.broken(Mutant::MapOrderForgotten) {
            for variable in &mut image.variables {
                variable.map = sort_keys(variable.map);
            }
        }
        for (c, core) in image.cores.iter().enumerate().take(self.program.cores) {
            let log = &self.inputs[c];
            if core.input > log.written {
                return Err(Violation::InputLost { core: c, input: core.input - 1 });
            }
            if core.input < log.trimmed {
                return Err(Violation::Trimmed { log: "in", core: c, position: core.input });
            }
        }
        Ok(image)
    }
}
