//! Is recovery exact? A twin replays the logs and is compared with the living master, variable by variable. Invariant: the twin
//! writes into logs of its own.

use std::sync::atomic::Ordering;
use std::time::Instant;

use ftmb_netio::group_dir::{GroupLogs, LogSizes};
use ftmb_runtime::log::Log;
use ftmb_runtime::middlebox::Middlebox;
use ftmb_runtime::worker::{CoreLogs, CoreStart, INPUT_MARK, OldLog};

use super::cast::Cast;
use super::group::{Group, PATIENCE};
use super::output::GroupError;

impl<M: Middlebox> Group<M> {
    /// Replays everything since the last checkpoint from the logs into a twin and compares it with the living master: every
    /// variable, and every output released since. Ends the master.
    ///
    /// # Errors
    /// [`GroupError::Inexact`] naming the first variable or output that differs; as [`poll`](Self::poll).
    pub fn verify(mut self) -> Result<(), GroupError> {
        self.wait("the epoch to become active", |group| group.record.is_active())?;
        let tails: Vec<u64> = self.logs.input.iter().map(Log::tail).collect();
        self.wait("the master to process its inputs", |group| {
            group.record.current().is_some_and(|epoch| {
                let det = group.logs.det.iter().map(|sets| &sets[epoch.set]);
                have_processed(det, &tails)
            })
        })?;
        let Some(cast) = self.master.take() else { return Ok(()) };
        let (master, ended) = cast.end(false);
        ended?;
        while self.poll()? {}
        let epoch = self.record.current().ok_or(GroupError::Hangs { waiting: "an epoch" })?;
        let base = self.output.base().ok_or(GroupError::Hangs { waiting: "a checkpoint" })?;
        let of_this_epoch = base.epoch == epoch.number;
        let scratch = GroupLogs::anonymous(self.record.cores(), LogSizes::smallest(), 0)?;
        let points = self.deltas.last().map_or_else(|| self.fresh_points(), |delta| delta.summary().cores.clone());
        let twin = self.new_standby()?;
        let cores = points.into_iter().enumerate().map(|(core, point)| {
            let logs = CoreLogs {
                input: self.logs.input[core].clone(),
                det: scratch.det[core][0].clone(),
                out: scratch.out[core][0].clone(),
            };
            let det = self.logs.det[core][epoch.set].clone();
            let from = if of_this_epoch { point.det_pos } else { 0 };
            let old = Some(OldLog { cut: det.tail(), det, from });
            (logs, CoreStart { point, old })
        });
        let cast = Cast::start(twin, &self.record, cores.collect());
        let started = Instant::now();
        while !have_processed(scratch.det.iter().map(|sets| &sets[0]), &tails) && !cast.has_ended() {
            if started.elapsed() > PATIENCE {
                return Err(GroupError::Hangs { waiting: "the twin to replay" });
            }
            std::thread::yield_now();
        }
        let (twin, replayed) = cast.end(false);
        replayed?;
        compare(&twin.snapshot()?, &master.snapshot()?)
    }
}

/// Whether every core has processed and published its inputs up to these positions.
pub(super) fn have_processed<'a>(det: impl Iterator<Item = &'a Log>, tails: &[u64]) -> bool {
    // Acquire; pairs with the worker's Release.
    det.zip(tails).all(|(log, tail)| log.mark(INPUT_MARK).load(Ordering::Acquire) >= *tail)
}

fn compare(expected: &[(String, Vec<u8>)], found: &[(String, Vec<u8>)]) -> Result<(), GroupError> {
    for ((name, expected), (_, found)) in expected.iter().zip(found) {
        if expected != found {
            return Err(GroupError::Inexact {
                what: format!("variable `{name}`"),
                expected: format!("{expected:02x?}"),
                found: format!("{found:02x?}"),
            });
        }
    }
    Ok(())
}
