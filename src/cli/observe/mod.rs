//! What is known of a group at one moment, for people ([`text`]), for programs (JSON) and for Prometheus ([`exposition`]). Invariant: it
//! only looks; a group never notices. Whatever is shown anywhere is taken here, so that all of them say the same.

pub(super) mod exposition;
pub(crate) mod figures;
pub(super) mod journal;
pub(super) mod snapshot;
pub(super) mod text;

use ftmb_netio::group_dir::{GroupDir, GroupLogs};
use ftmb_netio::group_record::{CoreStat, GroupRecord, Identity, Member, Phase, Protection, Stat};
use ftmb_netio::port::{PortKind, PortSpec, PortStat};
use ftmb_runtime::log::Log;

use super::process;
use crate::config::Config;
use journal::JournalFigures;
pub(super) use snapshot::Snapshot;
use snapshot::{Checkpoints, Core, Delay, Drops, Fill, PortFigures, Seat, Standby, TakenOver};

/// A group as somebody sees it who can open its files.
#[derive(Clone, Debug)]
pub(super) struct Observer {
    dir: GroupDir,
    record: GroupRecord,
    logs: Option<GroupLogs>,
    ports: Vec<String>,
}

/// The state of a group whose parent and gateway are gone, and said nothing.
const ABANDONED: &str = "abandoned";
/// The state of one whose gateway is there and does not get on, and how long that takes to be said, ns.
const HANGING: &str = "hanging";
const HANGS: u64 = 2_000_000_000;

impl Observer {
    pub(super) fn new(dir: GroupDir, record: GroupRecord) -> Observer {
        let logs = dir.open_logs(record.cores(), record.fingerprint()).ok();
        let ports = Config::stored(&dir).map_or_else(|_| Vec::new(), |config| counted_ports(&config));
        Observer { dir, record, logs, ports }
    }

    /// How the group is now.
    pub(super) fn look(&self) -> Snapshot {
        let record = &self.record;
        let stat = |stat| record.stat(stat);
        let (state, protection, delays) = (state(record), record.protection(), record.delays());
        // The record says what its gateway had noticed last: if nobody looks after the group any more, that is worth nothing.
        let unattended = [ABANDONED, HANGING].contains(&state);
        Snapshot {
            directory: self.dir.path().into(),
            state,
            protection: if unattended { state.into() } else { protection.to_string() },
            protected: !unattended && protection == Protection::Protected,
            created_unix_ns: record.birth().wall,
            up_ns: record.now(),
            epoch: record.epoch(),
            active: record.is_active(),
            parent: record.parent().map(|process| process.pid),
            gateway: record.gateway().map(|process| process.pid),
            gateways_started: stat(Stat::Gateways),
            members: record
                .members()
                .filter(|member| member.phase() != Phase::Empty)
                .map(|member| Seat {
                    slot: member.slot(),
                    pid: member.identity().map(|process| process.pid),
                    doing: doing(record, member),
                    applied: member.applied(),
                })
                .collect(),
            members_started: stat(Stat::Spawned),
            standby: standby(record),
            committed: record.committed(),
            checkpoint: checkpoints(record),
            takeovers_done: stat(Stat::Takeovers),
            takeovers: takeovers(record),
            drops: Drops {
                input_log_full: stat(Stat::DroppedAtDoor),
                oversized: stat(Stat::Oversized),
                refused_by_port: stat(Stat::SendErrors),
            },
            ports: self.ports.iter().enumerate().map(|(at, name)| port(record, at, name)).collect(),
            ticks: stat(Stat::Ticks),
            controls: stat(Stat::Controls),
            input_log_full: stat(Stat::InputFull),
            delay: Delay::of(&delays),
            journal: JournalFigures::of(record),
            cores: (0..record.cores()).map(|core| self.core(core)).collect(),
            ckpt: self.logs.as_ref().map(|logs| Fill::of(&logs.ckpt)),
            middlebox: figures::read(&self.dir),
            delays,
        }
    }

    fn core(&self, core: usize) -> Core {
        let set = self.record.current().map_or(0, |epoch| epoch.set);
        let stat = |stat| self.record.core_stat(core, stat);
        let fill =
            |log: fn(&GroupLogs, usize, usize) -> &Log| self.logs.as_ref().map(|logs| Fill::of(log(logs, core, set)));
        Core {
            stamped: stat(CoreStat::Stamped),
            stamped_bytes: stat(CoreStat::StampedBytes),
            released: stat(CoreStat::Released),
            released_bytes: stat(CoreStat::ReleasedBytes),
            suppressed: stat(CoreStat::Suppressed),
            words: stat(CoreStat::Words),
            input: fill(|logs, core, _| &logs.input[core]),
            det: fill(|logs, core, set| &logs.det[core][set]),
            out: fill(|logs, core, set| &logs.out[core][set]),
        }
    }
}

/// Whose figures the group record has, in its order: ports in memory are one, behind all others.
fn counted_ports(config: &Config) -> Vec<String> {
    let in_memory = |port: &&PortSpec| matches!(port.kind(), PortKind::Memory);
    let others = config.ports().iter().filter(|port| !in_memory(port)).map(|port| port.name().to_owned());
    let memory = config.ports().iter().any(|port| in_memory(&port)).then(|| "memory".to_owned());
    others.chain(memory).collect()
}

fn port(record: &GroupRecord, object: usize, name: &str) -> PortFigures {
    PortFigures { name: name.into(), counts: PortStat::ALL.map(|stat| record.port_stat(object, stat)) }
}

fn hangs(record: &GroupRecord) -> bool {
    let beat = record.stat(Stat::Heartbeat);
    beat != 0 && record.now().saturating_sub(beat) > HANGS
}

fn state(record: &GroupRecord) -> &'static str {
    match record.ended() {
        0 => {}
        1 => return "ended",
        _ => return "ended, because it cannot go on",
    }
    let alive = |process: Option<Identity>| process.is_some_and(process::is_alive);
    match (alive(record.parent()), alive(record.gateway())) {
        (false, false) => ABANDONED,
        (true, false) => "without a gateway just now",
        (_, true) if hangs(record) => HANGING,
        _ if record.stopping() => "stopping",
        _ if record.epoch() == 0 => "starting",
        _ if record.is_active() => "running",
        _ => "taking over",
    }
}

/// What a member is doing, in a word.
fn doing(record: &GroupRecord, member: Member<'_>) -> &'static str {
    let is_master = record.current().is_some_and(|epoch| epoch.master == member.slot());
    match member.phase() {
        Phase::Empty => "nobody",
        Phase::Starting => "starting",
        Phase::Loading => "loading the image",
        Phase::Standby if is_master => "being promoted",
        Phase::Standby => "standby",
        Phase::Promoted => "replaying",
        Phase::Master => "master",
        Phase::Keeper => "image keeper",
        Phase::Failed => "given up",
    }
}

fn standby(record: &GroupRecord) -> Option<Standby> {
    let member = record.member(record.follower()?);
    let lag = record.lag(member.slot());
    let since = record.now().saturating_sub(record.stat(Stat::CheckpointAt));
    Some(Standby {
        slot: member.slot(),
        pid: member.identity().map(|process| process.pid),
        doing: doing(record, member),
        lag,
        lag_ns: lag.map(|lag| since + lag * record.stat(Stat::CheckpointGap)),
    })
}

fn checkpoints(record: &GroupRecord) -> Checkpoints {
    let (mut pauses, _) = record.flips();
    pauses.sort_unstable();
    let quantile = |per_mille: usize| pauses.get(pauses.len() * per_mille / 1000).copied().unwrap_or(0);
    Checkpoints {
        count: record.stat(Stat::Checkpoints),
        age_ns: record.committed().map(|_| record.now().saturating_sub(record.stat(Stat::CheckpointAt))),
        interval_ns: record.stat(Stat::CheckpointGap),
        bytes: record.stat(Stat::CheckpointBytes),
        bytes_total: record.stat(Stat::CheckpointBytesTotal),
        pause_p50_ns: quantile(500),
        pause_p99_ns: quantile(990),
    }
}

/// The last ones that were completed, oldest first.
fn takeovers(record: &GroupRecord) -> Vec<TakenOver> {
    let now = record.now();
    let done = record.takeovers().into_iter().filter(|takeover| takeover.detected != 0 && takeover.active != 0);
    done.map(|takeover| TakenOver {
        epoch: takeover.epoch,
        ago_ns: now.saturating_sub(takeover.active),
        active_ns: takeover.active.saturating_sub(takeover.detected),
        first_output_ns: takeover.first_output.checked_sub(takeover.detected),
    })
    .collect()
}

#[cfg(test)]
pub(super) mod tests;
