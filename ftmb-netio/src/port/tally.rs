//! What ports on a network count, and what they say of it. Invariant: each frame is counted once, by what became of it; what is lost
//! is also said, at most once a second.

use super::complaint::Complaint;
use super::{PortStat, PortStatistics};
use crate::uring::Sends;

/// The figures of one port.
#[derive(Debug)]
pub(super) struct Tally {
    /// What the port is called in messages: its interface, its address.
    name: String,
    counted: PortStatistics,
    /// What of the engine's counts is in `counted`.
    seen: Sends,
    lost: Complaint,
}

impl Tally {
    pub(super) fn new(name: &str) -> Tally {
        Tally {
            name: name.to_owned(),
            counted: PortStatistics::default(),
            seen: Sends::default(),
            lost: Complaint::default(),
        }
    }

    pub(super) fn add(&mut self, stat: PortStat, more: u64) {
        self.counted.add(stat, more);
    }

    /// Counts frames that are dropped here.
    pub(super) fn lose(&mut self, stat: PortStat, frames: u64, why: &str) {
        if frames == 0 {
            return;
        }
        self.counted.add(stat, frames);
        if let Some(times) = self.lost.now() {
            tracing::warn!(port = self.name, frames, times, why, "frames are dropped");
        }
    }

    /// Takes over what the engine has counted since the last time; returns whether frames found a link down.
    pub(super) fn sent(&mut self, now: &Sends) -> bool {
        let before = std::mem::replace(&mut self.seen, *now);
        self.counted.add(PortStat::Sent, now.sent - before.sent);
        if now.lost() == before.lost() {
            return false;
        }
        self.counted.add(PortStat::LinkDown, now.link_down - before.link_down);
        self.counted.add(PortStat::QueueFull, now.queue_full - before.queue_full);
        self.counted.add(PortStat::TooLong, now.too_long - before.too_long);
        self.counted.add(PortStat::Refused, now.refused - before.refused);
        if let Some(times) = self.lost.now() {
            let frames = now.lost() - before.lost();
            let reason = now.reason.map(|errno| std::io::Error::from(errno).to_string());
            tracing::warn!(port = self.name, frames, times, reason, "frames could not be sent and are dropped");
        }
        now.link_down != before.link_down
    }

    /// The kernel has dropped frames before anybody took them.
    pub(super) fn dropped_by_kernel(&mut self, frames: u64) {
        self.lose(PortStat::DroppedByKernel, frames, "they came faster than they are taken");
    }

    pub(super) fn figures(&self) -> PortStatistics {
        self.counted
    }
}
