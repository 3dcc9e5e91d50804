//! What a snapshot of a group holds. Invariant: its names are those of the JSON object, which programs read: they stay.

use std::path::PathBuf;

use ftmb_netio::group_record::Delays;
use ftmb_netio::port::PortStat;
use ftmb_runtime::log::Log;
use serde::{Serialize, Serializer};

use super::figures::Figure;
use super::journal::JournalFigures;

/// One moment of a group; times in ns, sizes in bytes, counts since the group was created.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Snapshot {
    pub(in crate::cli) directory: PathBuf,
    pub(in crate::cli) state: &'static str,
    pub(in crate::cli) protection: String,
    pub(in crate::cli) protected: bool,
    pub(in crate::cli) created_unix_ns: i64,
    pub(in crate::cli) up_ns: u64,
    pub(in crate::cli) epoch: u64,
    pub(in crate::cli) active: bool,
    pub(in crate::cli) parent: Option<u32>,
    pub(in crate::cli) gateway: Option<u32>,
    pub(in crate::cli) gateways_started: u64,
    pub(in crate::cli) members: Vec<Seat>,
    pub(in crate::cli) members_started: u64,
    pub(in crate::cli) standby: Option<Standby>,
    pub(in crate::cli) committed: Option<u64>,
    pub(in crate::cli) checkpoint: Checkpoints,
    pub(in crate::cli) takeovers_done: u64,
    pub(in crate::cli) takeovers: Vec<TakenOver>,
    pub(in crate::cli) drops: Drops,
    pub(in crate::cli) ports: Vec<PortFigures>,
    pub(in crate::cli) ticks: u64,
    pub(in crate::cli) controls: u64,
    pub(in crate::cli) input_log_full: u64,
    pub(in crate::cli) delay: Delay,
    pub(in crate::cli) journal: Option<JournalFigures>,
    pub(in crate::cli) cores: Vec<Core>,
    /// The log of checkpoints on their way to the standby.
    pub(in crate::cli) ckpt: Option<Fill>,
    pub(in crate::cli) middlebox: Vec<Figure>,
    #[serde(skip)]
    pub(in crate::cli) delays: Delays,
}

/// A member process.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Seat {
    pub(in crate::cli) slot: usize,
    pub(in crate::cli) pid: Option<u32>,
    pub(in crate::cli) doing: &'static str,
    pub(in crate::cli) applied: Option<u64>,
}

/// Whoever follows the checkpoints: the standby, or the keeper of the image.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Standby {
    pub(in crate::cli) slot: usize,
    pub(in crate::cli) pid: Option<u32>,
    pub(in crate::cli) doing: &'static str,
    /// Committed checkpoints that it has not applied; none: it has applied nothing yet.
    pub(in crate::cli) lag: Option<u64>,
    /// How old the state is that it holds: a takeover now would process again what has come since.
    pub(in crate::cli) lag_ns: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Checkpoints {
    pub(in crate::cli) count: u64,
    pub(in crate::cli) age_ns: Option<u64>,
    pub(in crate::cli) interval_ns: u64,
    pub(in crate::cli) bytes: u64,
    pub(in crate::cli) bytes_total: u64,
    pub(in crate::cli) pause_p50_ns: u64,
    pub(in crate::cli) pause_p99_ns: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct TakenOver {
    pub(in crate::cli) epoch: u64,
    /// How long ago the new master became active.
    pub(in crate::cli) ago_ns: u64,
    /// From the old master's end, as it was seen, to that.
    pub(in crate::cli) active_ns: u64,
    /// From the same to the first new output.
    pub(in crate::cli) first_output_ns: Option<u64>,
}

/// Frames that were lost on purpose, by reason.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Drops {
    pub(in crate::cli) input_log_full: u64,
    pub(in crate::cli) oversized: u64,
    pub(in crate::cli) refused_by_port: u64,
}

impl Drops {
    /// Each with its reason.
    pub(in crate::cli) fn by_reason(&self) -> [(&'static str, u64); 3] {
        [
            ("input_log_full", self.input_log_full),
            ("oversized", self.oversized),
            ("refused_by_port", self.refused_by_port),
        ]
    }
}

/// What a port has counted.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct PortFigures {
    pub(in crate::cli) name: String,
    #[serde(flatten, serialize_with = "by_name")]
    pub(in crate::cli) counts: [u64; PortStat::ALL.len()],
}

impl PortFigures {
    pub(in crate::cli) fn get(&self, stat: PortStat) -> u64 {
        self.counts[stat as usize]
    }

    /// Why frames were lost at this port, and how many.
    pub(in crate::cli) fn lost(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let lost = PortStat::ALL.into_iter().skip(PortStat::DroppedByKernel as usize);
        lost.map(|stat| (stat.name(), self.get(stat)))
    }
}

fn by_name<S: Serializer>(counts: &[u64; PortStat::ALL.len()], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(PortStat::ALL.iter().map(|stat| (stat.name(), counts[*stat as usize])))
}

/// From arrival to release, to the upper bound of a bucket.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Delay {
    pub(in crate::cli) count: u64,
    pub(in crate::cli) p50_ns: Option<u64>,
    pub(in crate::cli) p99_ns: Option<u64>,
    pub(in crate::cli) p999_ns: Option<u64>,
    pub(in crate::cli) max_ns: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Core {
    pub(in crate::cli) stamped: u64,
    pub(in crate::cli) stamped_bytes: u64,
    pub(in crate::cli) released: u64,
    pub(in crate::cli) released_bytes: u64,
    pub(in crate::cli) suppressed: u64,
    pub(in crate::cli) words: u64,
    #[serde(rename = "in")]
    pub(in crate::cli) input: Option<Fill>,
    pub(in crate::cli) det: Option<Fill>,
    pub(in crate::cli) out: Option<Fill>,
}

/// How full a log is: bytes, or words of determinants.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::cli) struct Fill {
    pub(in crate::cli) used: u64,
    pub(in crate::cli) size: u64,
}

impl Fill {
    pub(super) fn of(log: &Log) -> Fill {
        Fill { used: log.used(), size: log.span() }
    }

    /// From 0 to 1.
    pub(in crate::cli) fn share(self) -> f64 {
        self.used as f64 / self.size.max(1) as f64
    }
}

impl Delay {
    pub(in crate::cli) fn of(delays: &Delays) -> Delay {
        let at = |share| delays.quantile(share);
        Delay { count: delays.count(), p50_ns: at(0.5), p99_ns: at(0.99), p999_ns: at(0.999), max_ns: at(1.0) }
    }
}
