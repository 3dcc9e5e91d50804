//! `status`: how a group is, for people and for programs. Invariant: it only looks; a group never notices.

use std::fmt::Write;

use clap::Args;
use ftmb_netio::group_dir::{GroupDir, GroupLogs};
use ftmb_netio::group_record::{CoreStat, GroupRecord, Identity, Member, Phase, Stat};
use ftmb_runtime::log::Log;
use serde_json::{Value, json};

use super::select::Selection;
use super::table::{Table, bytes, count, ns};
use super::{journal_status, print, process};
use crate::Result;

/// What to show of which group.
#[derive(Clone, Debug, Args)]
pub(super) struct StatusOptions {
    #[command(flatten)]
    selection: Selection,
    /// One JSON object instead of tables
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &StatusOptions, program: &str) -> Result<()> {
    let (dir, record) = options.selection.open(program)?;
    let logs = dir.open_logs(record.cores(), record.fingerprint()).ok();
    if options.json {
        return print(&format!("{}\n", as_json(&dir, &record, logs.as_ref())));
    }
    print(&as_text(&dir, &record, logs.as_ref()))
}

fn state(record: &GroupRecord) -> &'static str {
    match record.ended() {
        0 => {}
        1 => return "ended",
        _ => return "ended, because it cannot go on",
    }
    let alive = |process: Option<Identity>| process.is_some_and(process::is_alive);
    match (alive(record.parent()), alive(record.gateway())) {
        (false, false) => "abandoned",
        (true, false) => "without a gateway just now",
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

fn as_text(dir: &GroupDir, record: &GroupRecord, logs: Option<&GroupLogs>) -> String {
    let mut text = format!(
        "{}: {}, {} cores, epoch {}, up {}\n\n",
        dir.path().display(),
        state(record),
        record.cores(),
        record.epoch(),
        ns(record.now()),
    );
    let mut table = Table::default();
    table.row(["process", "pid", "checkpoint"]);
    let pid = |process: Option<Identity>| process.map_or("-".into(), |process| process.pid.to_string());
    table.row(["gateway".into(), pid(record.gateway())]);
    for member in record.members().filter(|member| member.phase() != Phase::Empty) {
        let applied = member.applied().map_or(String::new(), count);
        table.row([doing(record, member).into(), pid(member.identity()), applied]);
    }
    let _ = writeln!(text, "{table}");
    text += &checkpoints(record);
    text += &takeovers(record);
    text += &journal_status::line(record);
    text.push('\n');
    text += &cores(record, logs).to_string();
    if let Ok(metrics) = std::fs::read_to_string(dir.path().join("metrics")) {
        let mut table = Table::default();
        metrics.lines().filter_map(|line| line.split_once(' ')).for_each(|(name, value)| {
            table.row([name, value]);
        });
        let _ = write!(text, "\n{table}");
    }
    text
}

fn checkpoints(record: &GroupRecord) -> String {
    let Some(number) = record.committed() else { return "no checkpoint yet\n".into() };
    let (mut pauses, flips) = record.flips();
    pauses.sort_unstable();
    let quantile = |per_mille: usize| pauses.get(pauses.len() * per_mille / 1000).copied().unwrap_or(0);
    format!(
        "checkpoint {}, committed {} ago, {} ({} in all); {} flips, pause p50 {}, p99 {}\n",
        count(number),
        ns(record.now().saturating_sub(record.stat(Stat::CheckpointAt))),
        bytes(record.stat(Stat::CheckpointBytes)),
        bytes(record.stat(Stat::CheckpointBytesTotal)),
        count(flips),
        ns(quantile(500)),
        ns(quantile(990)),
    )
}

fn takeovers(record: &GroupRecord) -> String {
    let done = record.stat(Stat::Takeovers);
    let last = record.takeovers().into_iter().rev().find(|takeover| takeover.detected != 0 && takeover.active != 0);
    match last {
        Some(last) if done != 0 => {
            format!("{} takeovers, the last one took {}\n", count(done), ns(last.active - last.detected))
        }
        _ => "no takeover yet\n".into(),
    }
}

fn fill(log: &Log) -> String {
    format!("{} %", log.used() * 100 / log.span())
}

fn cores(record: &GroupRecord, logs: Option<&GroupLogs>) -> Table {
    let set = record.current().map_or(0, |epoch| epoch.set);
    let mut table = Table::default();
    table.row(["core", "in", "released", "suppressed", "words", "in log", "det log", "out log"]);
    for core in 0..record.cores() {
        let stat = |stat| count(record.core_stat(core, stat));
        let mut row = vec![
            core.to_string(),
            stat(CoreStat::Stamped),
            stat(CoreStat::Released),
            stat(CoreStat::Suppressed),
            stat(CoreStat::Words),
        ];
        if let Some(logs) = logs {
            row.extend([fill(&logs.input[core]), fill(&logs.det[core][set]), fill(&logs.out[core][set])]);
        }
        table.row(row);
    }
    table
}

fn as_json(dir: &GroupDir, record: &GroupRecord, logs: Option<&GroupLogs>) -> Value {
    let set = record.current().map_or(0, |epoch| epoch.set);
    let cores: Vec<Value> = (0..record.cores())
        .map(|core| {
            let stat = |stat| record.core_stat(core, stat);
            let used = |log: fn(&GroupLogs, usize, usize) -> &Log| logs.map(|logs| log(logs, core, set).used());
            json!({
                "stamped": stat(CoreStat::Stamped),
                "stamped_bytes": stat(CoreStat::StampedBytes),
                "released": stat(CoreStat::Released),
                "released_bytes": stat(CoreStat::ReleasedBytes),
                "suppressed": stat(CoreStat::Suppressed),
                "words": stat(CoreStat::Words),
                "in_used": used(|logs, core, _| &logs.input[core]),
                "det_used": used(|logs, core, set| &logs.det[core][set]),
                "out_used": used(|logs, core, set| &logs.out[core][set]),
            })
        })
        .collect();
    let members: Vec<Value> = record
        .members()
        .filter(|member| member.phase() != Phase::Empty)
        .map(|member| {
            let (slot, pid) = (member.slot(), member.identity().map(|process| process.pid));
            json!({ "slot": slot, "pid": pid, "doing": doing(record, member), "applied": member.applied() })
        })
        .collect();
    let takeovers: Vec<Value> = record
        .takeovers()
        .into_iter()
        .filter(|takeover| takeover.detected != 0 && takeover.active != 0)
        .map(|takeover| {
            let first = takeover.first_output.checked_sub(takeover.detected);
            json!({ "epoch": takeover.epoch, "active_ns": takeover.active - takeover.detected, "first_output_ns": first })
        })
        .collect();
    let stat = |stat| record.stat(stat);
    json!({
        "directory": dir.path(),
        "state": state(record),
        "up_ns": record.now(),
        "epoch": record.epoch(),
        "active": record.is_active(),
        "committed": record.committed(),
        "gateway": record.gateway().map(|process| process.pid),
        "gateways_started": stat(Stat::Gateways),
        "members": members,
        "members_started": stat(Stat::Spawned),
        "checkpoints": stat(Stat::Checkpoints),
        "checkpoint_bytes": stat(Stat::CheckpointBytes),
        "checkpoint_bytes_total": stat(Stat::CheckpointBytesTotal),
        "takeovers": takeovers,
        "dropped_at_door": stat(Stat::DroppedAtDoor),
        "oversized": stat(Stat::Oversized),
        "send_errors": stat(Stat::SendErrors),
        "ticks": stat(Stat::Ticks),
        "controls": stat(Stat::Controls),
        "journal": journal_status::json(record),
        "cores": cores,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftmb_netio::group_record::{Birth, EpochRecord, Role};

    fn record() -> GroupRecord {
        let record = GroupRecord::anonymous(Birth::now(2, 0)).expect("memory");
        let cores = vec![Default::default(); 2];
        record.begin_epoch(&EpochRecord { number: 1, cores, master: 0, ..EpochRecord::default() });
        record.set_active(1);
        record.commit(7);
        record.set_gateway(Identity::mine());
        let token = record.member(0).assign(Role::Standby);
        assert!(record.member(0).claim(token, Identity::mine()));
        record.member(0).set_phase(Phase::Master);
        record.add_core_stat(1, CoreStat::Stamped, 12_345);
        record
    }

    #[test]
    fn the_table_says_who_is_master_and_what_each_core_has_done() {
        let text = as_text(&GroupDir::at("/nowhere/nat"), &record(), None);
        assert!(text.starts_with("/nowhere/nat: running, 2 cores, epoch 1, up "), "{text}");
        assert!(text.contains(&format!("master   {}", std::process::id())), "{text}");
        assert!(text.contains("checkpoint 7, committed "), "{text}");
        assert!(text.contains("no takeover yet"), "{text}");
        assert!(text.contains("1     12,345         0"), "{text}");
    }

    #[test]
    fn the_json_object_has_the_same() {
        let value = as_json(&GroupDir::at("/nowhere/nat"), &record(), None);
        assert_eq!((&value["state"], &value["committed"]), (&json!("running"), &json!(7)));
        assert_eq!(value["cores"][1]["stamped"], json!(12_345));
        assert_eq!(value["members"][0]["doing"], json!("master"));
    }
}
