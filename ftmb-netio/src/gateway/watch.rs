//! What the gateway tells its operator. Invariant: a line says what has changed and what to do about it; what goes on and on is
//! told once a second at most, with numbers.

use tracing::{info, warn};

use crate::group_record::{CoreStat, EpochRecord, GroupRecord, Identity, Protection, Stat};

/// How often is looked, ns.
const ROUND: u64 = 20_000_000;
/// How long a line about something that goes on is not repeated, ns.
const QUIET: u64 = 1_000_000_000;

/// What is counted, and what is to be said when it grows.
const COUNTED: [(Stat, &str); 4] = [
    (
        Stat::DroppedAtDoor,
        "packets are dropped at the door: an input log is full; more cores, larger logs or less traffic would help",
    ),
    (Stat::Oversized, "frames are refused: they are longer than 66 KiB"),
    (Stat::SendErrors, "outputs are dropped: their port refuses them or does not exist"),
    (Stat::InputFull, "an input log is full: the ports are held back until the cores and a checkpoint catch up"),
];

/// What was said last.
#[derive(Debug)]
pub(super) struct Watch {
    next: u64,
    protection: Protection,
    /// Which epoch it was when the group was last said to be protected, and who followed then.
    protected: Option<(u64, Option<Identity>)>,
    counted: [u64; COUNTED.len()],
    said: [u64; COUNTED.len()],
    /// Outputs that had been suppressed when the current takeover began.
    suppressed: u64,
}

impl Watch {
    pub(super) fn new(record: &GroupRecord) -> Watch {
        Watch {
            next: 0,
            protection: Protection::Starting,
            // A gateway's successor says how it found the group.
            protected: None,
            counted: COUNTED.map(|(stat, _)| record.stat(stat)),
            said: [0; COUNTED.len()],
            suppressed: suppressed(record),
        }
    }

    /// A takeover begins.
    pub(super) fn epoch_begins(&mut self, record: &GroupRecord) {
        self.suppressed = suppressed(record);
    }

    /// The current epoch has become active.
    pub(super) fn epoch_is_active(&self, record: &GroupRecord) {
        let Some(epoch) = record.current() else { return };
        let words = words_replayed(&epoch);
        let outputs = suppressed(record).wrapping_sub(self.suppressed);
        match record.takeover(epoch.number).filter(|takeover| takeover.detected != 0) {
            Some(takeover) => info!(
                epoch = epoch.number,
                slot = epoch.master,
                pid = record.member(epoch.master).identity().map(|process| process.pid),
                took_ms = milliseconds(takeover.active.saturating_sub(takeover.detected)),
                cut_ms = milliseconds(takeover.begun.saturating_sub(takeover.detected)),
                from_checkpoint = epoch.base,
                words_replayed = words,
                outputs_checked = outputs,
                "takeover complete: the new master has reproduced what had left and goes on"
            ),
            None => info!(epoch = epoch.number, "the epoch is active"),
        }
    }

    /// Says what has changed.
    pub(super) fn look(&mut self, record: &GroupRecord, now: u64) {
        if now < self.next {
            return;
        }
        self.next = now + ROUND;
        self.look_at_protection(record);
        for (at, (stat, line)) in COUNTED.into_iter().enumerate() {
            let total = record.stat(stat);
            let new = total.wrapping_sub(self.counted[at]);
            if new != 0 && now >= self.said[at] + QUIET {
                (self.counted[at], self.said[at]) = (total, now);
                warn!(new, total, "{line}");
            }
        }
    }

    fn look_at_protection(&mut self, record: &GroupRecord) {
        let protection = record.protection();
        let before = std::mem::replace(&mut self.protection, protection);
        let (epoch, committed) = (record.epoch(), record.committed());
        let follower = || record.follower().and_then(|slot| record.member(slot).identity());
        match protection {
            Protection::Protected => {
                // Also if it was not protected only between two looks.
                let now = Some((epoch, follower()));
                if std::mem::replace(&mut self.protected, now) != now {
                    let standby = follower().map(|process| process.pid);
                    info!(
                        epoch,
                        committed,
                        standby,
                        "protected: whatever process dies now, nothing is lost, and a successor is ready"
                    );
                }
            }
            _ if protection == before || record.stopping() => {}
            Protection::NoStandby | Protection::CatchingUp => warn!(
                epoch,
                committed,
                "protection is {protection}: nothing is lost if the master dies now, but recovery takes longer"
            ),
            Protection::Stalled => {
                // To be said again once it is over.
                self.protected = None;
                let pid = |slot: usize| record.member(slot).identity().map(|process| process.pid);
                let master = record.current().and_then(|epoch| pid(epoch.master));
                let standby = record.follower().and_then(pid);
                warn!(
                    epoch,
                    committed,
                    master,
                    standby,
                    "protection is {protection}; whichever does not get on is replaced when it is killed"
                );
            }
            _ => {}
        }
    }
}

/// Determinants between the checkpoint and the cut: what a successor must reproduce in the same order.
fn words_replayed(epoch: &EpochRecord) -> u64 {
    epoch.cores.iter().map(|core| core.cut_det.saturating_sub(core.start_det)).sum()
}

fn suppressed(record: &GroupRecord) -> u64 {
    (0..record.cores()).map(|core| record.core_stat(core, CoreStat::Suppressed)).sum()
}

/// With three decimals.
fn milliseconds(ns: u64) -> f64 {
    (ns / 1000) as f64 / 1000.0
}
