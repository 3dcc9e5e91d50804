//! The master: cores that run packet scripts in small steps, and record what the input log does not determine.

use crate::group::{Group, note};
use crate::image::{Image, Variable, insert_key};
use crate::log::{Frame, Tag, Width, Word};
use crate::mutant::Mutant;
use crate::program::{Ask, CORES, Guard, Guards, Mode, Op, VARIABLES};
use crate::rng::mix;
use crate::verdict::Violation;

/// A tracked variable in the master's memory.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tracked {
    pub(crate) now: Variable,
    /// Sections ended, by the same count as `acq`.
    pub(crate) ended: u32,
    /// The real lock: who holds it exclusively, and how many share it.
    pub(crate) writer: Option<u8>,
    pub(crate) readers: u8,
    /// Since the last flip.
    pub(crate) written: bool,
    pub(crate) acquired: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Between packets.
    Boundary,
    Running,
    /// Within the cut, the count has come, the real lock not yet.
    Entering(u8, Mode),
    /// The exclusive half of a downgrade has ended, its `R` has not begun.
    Downgrading(u8),
}

/// One core: registers of the program, of the recorder and of the replayer.
#[derive(Clone, Copy)]
pub(crate) struct Core {
    pub(crate) register: u32,
    pub(crate) hash: u32,
    pub(crate) input: usize,
    pub(crate) phase: Phase,
    pc: usize,
    pub(crate) guards: Guards,
    serial: u8,
    /// The pending word is that of the guard with this serial.
    pub(crate) pending: Option<u8>,
    /// The next position of the old log to look at.
    pub(crate) looked: usize,
    pub(crate) cut: usize,
    pub(crate) past: bool,
}

pub(crate) struct Master {
    pub(crate) variables: [Tracked; VARIABLES],
    pub(crate) cores: [Core; CORES],
    /// How many cores are past their cuts.
    pub(crate) past: usize,
}

impl Master {
    /// A master at the packet boundary of `image`, which must reproduce the old log up to `cut`.
    pub(crate) fn load(image: &Image, cut: [usize; CORES], cores: usize) -> Self {
        let variables = image.variables.map(|now| Tracked { now, ended: now.acq, ..Tracked::default() });
        let mut past = 0;
        let mut at = 0;
        let loaded = image.cores.map(|core| {
            let reached = core.det >= cut[at];
            past += usize::from(reached && at < cores);
            at += 1;
            Core {
                register: core.register,
                hash: core.hash,
                input: core.input,
                phase: Phase::Boundary,
                pc: 0,
                guards: Guards::new(),
                serial: 0,
                pending: None,
                looked: core.det,
                cut: cut[at - 1],
                past: reached,
            }
        });
        Self { variables, cores: loaded, past }
    }
}

impl Group {
    pub(crate) fn all_past_cut(&self) -> bool {
        self.master.past == self.program.cores
    }

    /// One step of a core; false if it cannot move now.
    pub(crate) fn step_core(&mut self, c: usize) -> Result<bool, Violation> {
        match self.master.cores[c].phase {
            Phase::Boundary => self.start_packet(c),
            Phase::Running => self.run_op(c),
            Phase::Entering(var, mode) => {
                if !self.is_free(var, mode) {
                    return Ok(false);
                }
                self.master.cores[c].phase = Phase::Running;
                self.enter(c, var, mode)?;
                Ok(true)
            }
            Phase::Downgrading(var) => self.rejoin(c, var),
        }
    }

    fn start_packet(&mut self, c: usize) -> Result<bool, Violation> {
        let core = &mut self.master.cores[c];
        let log = &self.inputs[c];
        let barred =
            self.rules.broken(Mutant::BarrierAtPacketBoundary) && core.past && self.master.past < self.program.cores;
        if barred || self.checkpoint.holds_cores() || core.input >= log.written {
            return Ok(self.publish(c));
        }
        if core.input < log.trimmed {
            return Err(Violation::Trimmed { log: "in", core: c, position: core.input });
        }
        core.register = mix(core.register, log.inputs[core.input].nonce);
        core.pc = 0;
        core.phase = Phase::Running;
        note!(self, "core {c} starts input {}", self.master.cores[c].input);
        Ok(true)
    }

    /// Publishes `det`, then `out`; false if there was nothing to publish.
    pub(crate) fn publish(&mut self, c: usize) -> bool {
        let det = &mut self.logs.det[c];
        let out = &mut self.logs.out[c];
        let any = det.published < det.words.len() || out.published < out.end();
        det.published = det.words.len();
        out.published = out.end();
        any
    }

    fn run_op(&mut self, c: usize) -> Result<bool, Violation> {
        let core = &self.master.cores[c];
        let script = &self.program.scripts[c][usize::from(self.inputs[c].inputs[core.input].script)];
        let Some(&op) = script.get(core.pc) else {
            return self.end_packet(c);
        };
        let core = &mut self.master.cores[c];
        match op {
            Op::Acquire(var, mode, ask) => {
                if core.guards.admit(var, mode, ask) {
                    return self.begin(c, var, mode, ask);
                }
            }
            Op::Drop(var) => {
                if let Some(slot) = core.guards.find(var) {
                    let mode = self.close(c, slot)?;
                    self.unlock(var, mode);
                    self.settle(c);
                }
            }
            Op::Downgrade(var) => {
                if core.guards.holds(var, Mode::Exclusive) {
                    let slot = core.guards.find(var).unwrap_or(0);
                    core.phase = Phase::Downgrading(var);
                    self.close(c, slot)?;
                    if !self.rules.broken(Mutant::DowngradeAfterWait) {
                        self.downgrade(var);
                    }
                    note!(self, "core {c} downgrades v{var}");
                    self.settle(c);
                }
            }
            Op::Load(var) => {
                if core.guards.holds(var, Mode::Shared) {
                    core.register = mix(core.register, self.master.variables[usize::from(var)].now.value);
                }
            }
            Op::Iterate(var) => {
                if core.guards.holds(var, Mode::Shared) {
                    core.register = mix(core.register, self.master.variables[usize::from(var)].now.map);
                }
            }
            Op::Store(var) => {
                if core.guards.holds(var, Mode::Exclusive) {
                    let value = core.register;
                    self.written(var).value = value;
                }
            }
            Op::Insert(var) => {
                if core.guards.holds(var, Mode::Exclusive) {
                    let key = 1 + (core.register % 9) as u8;
                    let now = self.written(var);
                    now.map = insert_key(now.map, key);
                }
            }
            Op::Draw => self.draw(c)?,
            Op::Emit => self.emit(c),
            Op::SkipIfOdd(count) => {
                if core.register & 1 == 1 {
                    core.pc += usize::from(count);
                }
            }
        }
        self.master.cores[c].pc += 1;
        Ok(true)
    }

    /// Drops what the packet still holds, newest first, then ends it.
    fn end_packet(&mut self, c: usize) -> Result<bool, Violation> {
        let core = &mut self.master.cores[c];
        if let Some(slot) = core.guards.last() {
            let var = core.guards.get(slot).var;
            let mode = self.close(c, slot)?;
            self.unlock(var, mode);
            self.settle(c);
            return Ok(true);
        }
        core.phase = Phase::Boundary;
        core.input += 1;
        if self.rng.chance(self.schedule.publish) {
            self.publish(c);
        }
        Ok(true)
    }

    /// An acquisition: within the cut it waits for the logged count; behind it, for every core to be past its cut.
    fn begin(&mut self, c: usize, var: u8, mode: Mode, ask: Ask) -> Result<bool, Violation> {
        let core = &self.master.cores[c];
        if core.looked < core.cut {
            let word = self.look(c)?;
            if ask == Ask::Try && word == Word::Draw(Tag::FailedTry) {
                self.fail_try(c, var)?;
                return Ok(true);
            }
            if !self.has_come(c, word, var, mode)? {
                return Ok(false);
            }
            let core = &mut self.master.cores[c];
            core.phase = Phase::Entering(var, mode);
            if self.rules.broken(Mutant::PastCutBeforeEntry) && core.looked + 1 == core.cut {
                core.past = true;
                self.master.past += 1;
            }
            return Ok(true);
        }
        if !self.may_go_live() {
            return Ok(false);
        }
        let free = self.is_free(var, mode);
        if ask == Ask::Try && (!free || self.rng.below(8) == 0) {
            self.fail_try(c, var)?;
        } else if !free {
            return Ok(false);
        } else {
            self.enter(c, var, mode)?;
        }
        Ok(true)
    }

    /// Takes the real lock, counts under it, and leaves the section's word pending.
    fn enter(&mut self, c: usize, var: u8, mode: Mode) -> Result<(), Violation> {
        let tracked = &mut self.master.variables[usize::from(var)];
        match mode {
            Mode::Exclusive => tracked.writer = Some(c as u8),
            Mode::Shared => tracked.readers += 1,
        }
        self.master.cores[c].pc += 1;
        self.count(c, var, mode)
    }

    /// The second half of a downgrade: the lock is held already, the section has still to begin.
    fn rejoin(&mut self, c: usize, var: u8) -> Result<bool, Violation> {
        let core = &self.master.cores[c];
        if core.looked < core.cut {
            let word = self.look(c)?;
            if !self.has_come(c, word, var, Mode::Shared)? {
                return Ok(false);
            }
        } else if !self.may_go_live() {
            return Ok(false);
        }
        if self.rules.broken(Mutant::DowngradeAfterWait) {
            self.downgrade(var);
        }
        self.master.cores[c].phase = Phase::Running;
        self.count(c, var, Mode::Shared)?;
        Ok(true)
    }

    /// Begins a section whose lock is held: saves and adds to its counts, and makes its word the pending one.
    fn count(&mut self, c: usize, var: u8, mode: Mode) -> Result<(), Violation> {
        let tracked = &mut self.master.variables[usize::from(var)];
        let count = if mode == Mode::Exclusive { tracked.now.acq } else { tracked.now.base };
        if mode == Mode::Exclusive || !self.rules.broken(Mutant::ReadCountsNotCaptured) {
            tracked.acquired = true;
        }
        if !self.rules.broken(Mutant::OldCountsNotSaved) {
            self.checkpoint.save_counts(usize::from(var), &tracked.now);
        }
        tracked.now.acq = tracked.now.acq.wrapping_add(self.rules.weight(mode)) & self.program.mask;
        if mode == Mode::Exclusive {
            tracked.now.base = tracked.now.acq;
        }
        note!(self, "core {c} enters v{var} {mode:?} at {count}");
        self.flush_pending(c, Width::Wide)?;
        let core = &mut self.master.cores[c];
        core.serial = core.serial.wrapping_add(1);
        core.guards.push(Guard { serial: core.serial, var, mode, count, closed_early: false });
        core.pending = Some(core.serial);
        if core.looked < core.cut {
            core.looked += 1;
            self.stats.words_replayed += 1;
        }
        self.settle(c);
        Ok(())
    }

    /// Ends a section under its lock: a narrow word if it is still pending, an `X` otherwise.
    fn close(&mut self, c: usize, slot: usize) -> Result<Mode, Violation> {
        let guard = self.master.cores[c].guards.get(slot);
        let Guard { var, mode, count, .. } = guard;
        if self.master.cores[c].pending == Some(guard.serial) {
            self.flush_pending(c, Width::Narrow)?;
        } else if self.rules.has_end(mode) && !guard.closed_early {
            if !self.rules.broken(Mutant::PendingWordStaysBehindX) {
                self.flush_pending(c, Width::Wide)?;
            }
            let count = if mode == Mode::Exclusive { count.wrapping_add(1) & self.program.mask } else { count };
            let end = Word::End { var, count };
            if self.master.cores[c].looked < self.master.cores[c].cut {
                if self.look(c)? != end {
                    return Err(self.diverge(c));
                }
                self.master.cores[c].looked += 1;
                self.stats.words_replayed += 1;
            }
            self.append(c, end)?;
        }
        self.master.cores[c].guards.remove(slot);
        let tracked = &mut self.master.variables[usize::from(var)];
        tracked.ended = tracked.ended.wrapping_add(self.rules.weight(mode)) & self.program.mask;
        note!(self, "core {c} ends v{var} {mode:?}");
        Ok(mode)
    }

    fn fail_try(&mut self, c: usize, var: u8) -> Result<(), Violation> {
        note!(self, "core {c} fails to try v{var}");
        self.flush_pending(c, Width::Wide)?;
        let core = &mut self.master.cores[c];
        core.pc += 1;
        core.looked += usize::from(core.looked < core.cut);
        self.append(c, Word::Draw(Tag::FailedTry))?;
        self.settle(c);
        Ok(())
    }

    fn draw(&mut self, c: usize) -> Result<(), Violation> {
        let core = &self.master.cores[c];
        let value = if core.looked < core.cut {
            if self.look(c)? != Word::Draw(Tag::Value) {
                return Err(self.diverge(c));
            }
            let Word::Drawn(value) = self.look_at(c, self.master.cores[c].looked + 1)? else {
                return Err(self.diverge(c));
            };
            self.master.cores[c].looked += 2;
            self.stats.words_replayed += 2;
            value
        } else {
            self.rng.next()
        };
        if self.rules.broken(Mutant::DrawKeepsNarrow) {
            let core = &mut self.master.cores[c];
            if let Some(guard) = core.pending.and_then(|serial| core.guards.by_serial(serial)) {
                guard.closed_early = true;
            }
            self.flush_pending(c, Width::Narrow)?;
        } else {
            self.flush_pending(c, Width::Wide)?;
        }
        note!(self, "core {c} draws {value:#x}");
        self.append(c, Word::Draw(Tag::Value))?;
        self.append(c, Word::Drawn(value))?;
        let core = &mut self.master.cores[c];
        core.register = mix(core.register, value);
        self.settle(c);
        Ok(())
    }

    fn emit(&mut self, c: usize) {
        let core = &mut self.master.cores[c];
        let content = core.register;
        core.hash = mix(core.hash, content);
        let counted = core.pending.is_some() && !self.rules.broken(Mutant::PendingWordNotNeeded);
        let needs_det = self.logs.det[c].words.len() + usize::from(counted);
        let frame = Frame { content, hash: core.hash, needs_det, needs_in: core.input + 1 };
        self.logs.out[c].frames.push(frame);
        note!(self, "core {c} emits output {} = {content:#x}, needs det {needs_det}", self.logs.out[c].end());
    }

    fn flush_pending(&mut self, c: usize, width: Width) -> Result<(), Violation> {
        let core = &mut self.master.cores[c];
        if let Some(serial) = core.pending.take()
            && let Some(&mut Guard { mode, var, count, .. }) = core.guards.by_serial(serial)
        {
            self.append(c, Word::Section { mode, width, var, count })?;
        }
        Ok(())
    }

    /// Appends to the new log. Within the cut it must become what the old one was, word for word (I6).
    fn append(&mut self, c: usize, word: Word) -> Result<(), Violation> {
        let core = &self.master.cores[c];
        let det = &mut self.logs.det[c];
        let at = det.words.len();
        note!(self, "core {c} appends {word:?} at {at}");
        if at < core.cut && self.old.det[c].words.get(at) != Some(&word) {
            return Err(Violation::Diverged { core: c, position: at });
        }
        det.words.push(word);
        det.stems.push(core.input as u8);
        Ok(())
    }

    fn written(&mut self, var: u8) -> &mut Variable {
        let tracked = &mut self.master.variables[usize::from(var)];
        tracked.written = true;
        if !self.rules.broken(Mutant::OldValueNotSaved) {
            self.checkpoint.save_value(usize::from(var), &tracked.now);
        }
        &mut tracked.now
    }

    fn is_free(&self, var: u8, mode: Mode) -> bool {
        let tracked = &self.master.variables[usize::from(var)];
        tracked.writer.is_none() && (mode == Mode::Shared || tracked.readers == 0)
    }

    fn unlock(&mut self, var: u8, mode: Mode) {
        let tracked = &mut self.master.variables[usize::from(var)];
        match mode {
            Mode::Exclusive => tracked.writer = None,
            Mode::Shared => tracked.readers -= 1,
        }
    }

    fn downgrade(&mut self, var: u8) {
        let tracked = &mut self.master.variables[usize::from(var)];
        tracked.writer = None;
        tracked.readers += 1;
    }
}
