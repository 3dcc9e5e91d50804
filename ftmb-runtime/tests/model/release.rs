//! The output logger: symbolic replay of the determinants, release in the order of each core, suppression after a
//! takeover.

use crate::group::{Group, note};
use crate::image::Image;
use crate::log::{DetLog, Tag, Width, Word};
use crate::mutant::{Mutant, Rules};
use crate::program::{CORES, Mode, VARIABLES};
use crate::verdict::Violation;

/// What the output logger knows only until it restarts.
pub(crate) struct OutputLogger {
    /// Words passed, by position.
    pub(crate) cursor: [usize; CORES],
    rel: [u32; VARIABLES],
    base: [u32; VARIABLES],
    /// Outputs read (suppressed or sent), by ordinal, and the hash that the last suppressed one carried.
    read: [usize; CORES],
    hash: [Option<u32>; CORES],
    /// What the new log must reach before its epoch is active.
    pub(crate) cut: [usize; CORES],
}

impl OutputLogger {
    /// An output logger that has just started from the committed checkpoint.
    pub(crate) fn at(committed: &Image, cut: [usize; CORES]) -> Self {
        Self {
            cursor: committed.cores.map(|core| core.det),
            rel: committed.variables.map(|variable| variable.acq),
            base: committed.variables.map(|variable| variable.base),
            read: committed.cores.map(|core| core.ordinal),
            hash: [None; CORES],
            cut,
        }
    }

    /// Passes the next word of core `c` if its condition holds.
    fn pass(&mut self, c: usize, log: &DetLog, rules: Rules, mask: u32) -> bool {
        let at = self.cursor[c];
        if at >= log.delivered {
            return false;
        }
        match log.words[at] {
            Word::Section { mode, width, var, count } => {
                let v = usize::from(var);
                if !self.meets(v, mode, count, rules, mask) {
                    return false;
                }
                if width == Width::Narrow || !rules.has_end(mode) {
                    if mode == Mode::Exclusive {
                        self.base[v] = count.wrapping_add(1) & mask;
                    }
                    self.rel[v] = self.rel[v].wrapping_add(rules.weight(mode)) & mask;
                }
            }
            Word::End { var, count } => {
                let v = usize::from(var);
                self.base[v] = count;
                self.rel[v] = self.rel[v].wrapping_add(1) & mask;
            }
            Word::Draw(Tag::FailedTry) => {}
            Word::Draw(Tag::Value) => {
                if at + 1 >= log.delivered {
                    return false;
                }
                self.cursor[c] += 1;
            }
            Word::Drawn(_) => return false,
        }
        self.cursor[c] += 1;
        true
    }

    fn meets(&self, v: usize, mode: Mode, count: u32, rules: Rules, mask: u32) -> bool {
        if rules.broken(Mutant::CountsByOrder) {
            return self.rel[v].wrapping_sub(count) & mask <= mask / 2;
        }
        count == if mode == Mode::Exclusive { self.rel[v] } else { self.base[v] }
    }

    /// Passes all that can be passed: the least fixed point over what was delivered.
    pub(crate) fn pass_all(&mut self, logs: &[DetLog; CORES], cores: usize, rules: Rules, mask: u32) {
        let mut moved = true;
        while moved {
            moved = false;
            for (c, log) in logs.iter().enumerate().take(cores) {
                while self.pass(c, log, rules, mask) {
                    moved = true;
                }
            }
        }
    }
}

impl Group {
    /// Lets core `c`'s cursor pass one word.
    pub(crate) fn step_cursor(&mut self, c: usize) -> Result<bool, Violation> {
        let position = self.ol.cursor[c];
        if position < self.det_trimmed[c] {
            return Err(Violation::Trimmed { log: "det", core: c, position });
        }
        let moved = self.ol.pass(c, &self.logs.det[c], self.rules, self.program.mask);
        if moved {
            note!(self, "ol passes det {position} of core {c}: {:?}", self.logs.det[c].words[position]);
        }
        Ok(moved)
    }

    /// One step with core `c`'s outputs: suppress, agree, send a burst, or record it.
    pub(crate) fn step_outputs(&mut self, c: usize) -> Result<bool, Violation> {
        if self.released[c].agreed != self.record.epoch {
            self.suppress(c)
        } else if self.ol.read[c] > self.released[c].ordinal {
            self.record_burst(c);
            Ok(true)
        } else if self.record.active {
            self.send_burst(c)
        } else {
            Ok(false)
        }
    }

    /// Checks what was released before against what the new epoch's log holds, and lets none of it leave again.
    fn suppress(&mut self, c: usize) -> Result<bool, Violation> {
        let released = self.released[c];
        let out = &mut self.logs.out[c];
        let counted = if self.rules.broken(Mutant::SuppressionByFrameCount) { out.first } else { 0 };
        let read = self.ol.read[c];
        if read < out.first || read - counted > released.ordinal {
            // The log begins behind what comes next.
            return Err(Violation::Skipped { core: c, ordinal: read + 1 });
        }
        if read - counted < released.ordinal {
            if read >= out.delivered {
                return Ok(false);
            }
            let next = read + 1;
            self.ol.read[c] = next;
            self.ol.hash[c] = Some(out.frame(next).hash);
            let last = next - counted == released.ordinal;
            if !last || self.rules.broken(Mutant::FrameTrimmedBeforeRecord) {
                out.trimmed = next;
            }
            self.stats.suppressed += 1;
            note!(self, "ol suppresses output {next} of core {c}");
            return Ok(true);
        }
        let hash = if read == out.first { Some(self.committed.cores[c].hash) } else { self.ol.hash[c] };
        match hash {
            None => Err(Violation::Trimmed { log: "out", core: c, position: read }),
            Some(hash) if hash != released.hash => Err(Violation::HashDisagrees { core: c, ordinal: released.ordinal }),
            Some(_) => {
                self.released[c].agreed = self.record.epoch;
                self.logs.out[c].trimmed = read;
                note!(self, "ol agrees with core {c} at output {read}");
                Ok(true)
            }
        }
    }

    /// Sends outputs whose determinants have been passed and whose inputs are stable, in the order of their core.
    fn send_burst(&mut self, c: usize) -> Result<bool, Violation> {
        let most = 1 + self.rng.below(3);
        let mut sent = 0;
        while sent < most && self.ol.read[c] < self.logs.out[c].delivered {
            let ordinal = self.ol.read[c] + 1;
            let frame = self.logs.out[c].frame(ordinal);
            let without_input = frame.needs_in > self.inputs[c].stable && !self.rules.broken(Mutant::OutputBeforeInput);
            if frame.needs_det > self.ol.cursor[c] || without_input {
                break;
            }
            note!(self, "ol sends output {ordinal} of core {c} = {:#x}", frame.content);
            self.sink.receive(c, ordinal, frame.content)?;
            self.ol.read[c] = ordinal;
            self.stats.outputs += 1;
            sent += 1;
        }
        Ok(sent > 0)
    }

    fn record_burst(&mut self, c: usize) {
        let ordinal = self.ol.read[c];
        self.released[c].ordinal = ordinal;
        self.released[c].hash = self.logs.out[c].frame(ordinal).hash;
        self.logs.out[c].trimmed = ordinal;
        self.sink.forbid_repeat(c, ordinal);
        note!(self, "ol records output {ordinal} of core {c}");
    }

    /// Before it freezes at a fence the output logger records what it sent, and may send what has become sendable.
    pub(crate) fn flush_outputs(&mut self, c: usize) -> Result<(), Violation> {
        while self.step_outputs(c)? {}
        Ok(())
    }

    pub(crate) fn record_sent(&mut self, c: usize) {
        if self.ol.read[c] > self.released[c].ordinal {
            self.record_burst(c);
        }
    }

    /// Ends the output logger's process and starts another one.
    pub(crate) fn restart_output_logger(&mut self) -> Result<(), Violation> {
        note!(self, "ol restarts");
        self.stats.output_logger_restarts += 1;
        for c in 0..self.program.cores {
            if self.released[c].agreed == self.record.epoch && self.ol.read[c] > self.released[c].ordinal {
                self.sink.expect_repeat(c);
            }
        }
        self.ol = OutputLogger::at(&self.committed, [0; CORES]);
        if !self.record.active {
            self.ol.cut = self.cut_of_old();
        }
        for c in 0..self.program.cores {
            self.ol.read[c] = self.logs.out[c].trimmed;
            // The standby replays to the cut that it was given; the protocol must always find the same one again.
            if self.rules.mutant.is_none() && !self.record.active && self.ol.cut[c] != self.master.cores[c].cut {
                return Err(Violation::Inconsistent { what: "the cut of core", at: c });
            }
        }
        Ok(())
    }

    /// The cut that the closed logs of the last active epoch describe, from the committed checkpoint on.
    pub(crate) fn cut_of_old(&self) -> [usize; CORES] {
        let mut reader = OutputLogger::at(&self.committed, [0; CORES]);
        reader.pass_all(&self.old.det, self.program.cores, self.rules, self.program.mask);
        reader.cursor
    }
}
