//! The end of a master: what its streams had not delivered is lost, it is fenced, the cut is taken, the standby starts.

use std::mem;

use crate::group::{Group, note};
use crate::master::Master;
use crate::mutant::Mutant;
use crate::program::CORES;
use crate::release::OutputLogger;
use crate::verdict::Violation;

impl Group {
    /// Crashes the master, and takes over.
    pub(crate) fn crash(&mut self) -> Result<(), Violation> {
        self.stats.crashes += 1;
        self.stats.crashes_before_activation += u64::from(!self.record.active);
        let host_lost = self.rng.chance(self.schedule.hosts_lost);
        self.stats.hosts_lost += u64::from(host_lost);
        note!(
            self,
            "the master of epoch {} crashes{}",
            self.record.epoch,
            if host_lost { ", its host is lost" } else { "" }
        );
        if host_lost {
            self.lose_inputs();
        }
        if self.record.active {
            for c in 0..self.program.cores {
                self.close_logs(c, host_lost);
            }
        }
        for c in 0..self.program.cores {
            // Whoever is left holds all that is left.
            self.inputs[c].stable = self.inputs[c].written;
        }
        let cut = if self.record.active { self.fence()? } else { self.cut_of_old() };
        self.take_over(cut)
    }

    /// The inputs that no other host holds are gone; the network will bring others in their place.
    fn lose_inputs(&mut self) {
        for c in 0..self.program.cores {
            let survive = self.keep(self.inputs[c].stable, self.inputs[c].written);
            let log = &mut self.inputs[c];
            for input in &mut log.inputs[survive..log.written] {
                input.script = (input.script + 1) % self.program.packets as u8;
                input.nonce = self.rng.next();
            }
            log.written = survive;
            note!(self, "inputs of core {c} survive up to {survive}");
        }
    }

    /// Fixes the closing positions: of each stream any part behind the delivered one may be lost. What stems from a
    /// lost input was never shipped.
    fn close_logs(&mut self, c: usize, host_lost: bool) {
        let det = &self.logs.det[c];
        let reach = if host_lost { det.reach(self.inputs[c].written) } else { det.published };
        let det_end = self.keep(det.delivered, reach);
        let out_end = self.keep(self.logs.out[c].delivered, self.logs.out[c].published);
        self.logs.det[c].delivered = det_end;
        self.logs.out[c].delivered = out_end;
        note!(self, "core {c} closes at det {det_end}, out {out_end}");
    }

    /// A position from `delivered` to `published`: all, nothing, or something of what is not delivered survives.
    fn keep(&mut self, delivered: usize, published: usize) -> usize {
        match self.rng.below(3) {
            0 => delivered,
            1 => published,
            _ => self.rng.between((delivered, published)),
        }
    }

    /// The output logger reaches the fixed point over the closed logs, freezes, and records all it has counted.
    fn fence(&mut self) -> Result<[usize; CORES], Violation> {
        let cores = self.program.cores;
        if !self.rules.broken(Mutant::CutBeforeFixedPoint) {
            self.ol.pass_all(&self.logs.det, cores, self.rules, self.program.mask);
        }
        for c in 0..cores {
            if self.rng.chance(50) {
                self.flush_outputs(c)?;
            } else {
                self.record_sent(c);
            }
        }
        let cut = self.ol.cursor;
        if self.rules.broken(Mutant::ReleaseAfterFence) {
            for c in 0..cores {
                self.logs.det[c].delivered = self.logs.det[c].published;
                self.logs.out[c].delivered = self.logs.out[c].published;
            }
            self.ol.pass_all(&self.logs.det, cores, self.rules, self.program.mask);
            for c in 0..cores {
                self.flush_outputs(c)?;
            }
        }
        mem::swap(&mut self.old, &mut self.logs);
        Ok(cut)
    }

    /// Starts the standby as the master of the next epoch, with new logs. What a failed takeover wrote is discarded;
    /// the old logs stay as they were closed.
    fn take_over(&mut self, cut: [usize; CORES]) -> Result<(), Violation> {
        self.record.epoch += 1;
        self.record.active = false;
        let image = self.load_image()?;
        for c in 0..self.program.cores {
            self.logs.det[c].restart(&image.history[c]);
            self.logs.out[c].restart(image.cores[c].ordinal);
        }
        self.ol = OutputLogger::at(&self.committed, cut);
        self.master = Master::load(&image, cut, self.program.cores);
        note!(self, "epoch {} replays from checkpoint {} to {cut:?}", self.record.epoch, image.number);
        Ok(())
    }
}
