//! A group for people: tables. Invariant: figures have a unit or a heading that says what they are.

use std::fmt::Write;

use ftmb_netio::port::PortStat;

use super::{Core, Delay, Fill, Snapshot};
use crate::cli::table::{Table, bytes, count, many, ns};

/// The whole of a snapshot; with an earlier one, also what has happened in between, per second.
pub(in crate::cli) fn text(now: &Snapshot, before: Option<&Snapshot>) -> String {
    let mut text = format!(
        "{}: {}, {}, epoch {}, up {}\n{}\n\n",
        now.directory.display(),
        now.state,
        many(now.cores.len() as u64, "core"),
        now.epoch,
        ns(now.up_ns),
        protection(now),
    );
    let _ = writeln!(text, "{}", processes(now));
    text += &checkpoints(now);
    text += &takeovers(now);
    text += &now.journal.map_or(String::new(), |journal| journal.line());
    let _ = writeln!(text, "{}", delay(now, before));
    let _ = writeln!(text, "{}", traffic(now, before));
    if !now.ports.is_empty() {
        let _ = writeln!(text, "{}", ports(now, before));
    }
    let _ = write!(text, "{}", cores(now, before));
    if !now.middlebox.is_empty() {
        let mut table = Table::default();
        now.middlebox.iter().for_each(|figure| {
            table.row([figure.name.clone(), figure.value.to_string()]);
        });
        let _ = write!(text, "\n{table}");
    }
    text
}

fn protection(now: &Snapshot) -> String {
    let lag = now.standby.as_ref().and_then(|standby| standby.lag_ns);
    match lag {
        Some(lag) if now.protected => format!("protected; a takeover now would start {} back", ns(lag)),
        _ if now.protected => "protected".into(),
        _ if now.state == super::ABANDONED => {
            "not protected: its processes were killed; the next `up` of this name removes what they left".into()
        }
        _ if now.state == super::HANGING => {
            "not protected: the gateway does not get on, so nothing is taken in or released; if it is killed, another one goes on".into()
        }
        _ => format!("not protected: {}", now.protection),
    }
}

fn processes(now: &Snapshot) -> Table {
    let mut table = Table::default();
    let pid = |pid: Option<u32>| pid.map_or("-".into(), |pid| pid.to_string());
    table.row(["process", "pid", "started", "checkpoint", "lag"]);
    table.row(["parent".to_owned(), pid(now.parent)]);
    table.row(["gateway".to_owned(), pid(now.gateway), count(now.gateways_started)]);
    for (at, member) in now.members.iter().enumerate() {
        let started = if at == 0 { count(now.members_started) } else { String::new() };
        let lag = now.standby.as_ref().filter(|standby| standby.slot == member.slot).and_then(|standby| standby.lag);
        let applied = member.applied.map_or(String::new(), count);
        table.row([member.doing.into(), pid(member.pid), started, applied, lag.map_or(String::new(), count)]);
    }
    table
}

fn checkpoints(now: &Snapshot) -> String {
    let checkpoint = &now.checkpoint;
    let (Some(number), Some(age)) = (now.committed, checkpoint.age_ns) else {
        return "no checkpoint yet\n".into();
    };
    format!(
        "checkpoint {}, committed {} ago, {} after the one before; {} ({} in all); pause p50 {}, p99 {}\n",
        count(number),
        ns(age),
        ns(checkpoint.interval_ns),
        bytes(checkpoint.bytes),
        bytes(checkpoint.bytes_total),
        ns(checkpoint.pause_p50_ns),
        ns(checkpoint.pause_p99_ns),
    )
}

fn takeovers(now: &Snapshot) -> String {
    match now.takeovers.last() {
        Some(last) if now.takeovers_done != 0 => format!(
            "{}, the last one {} ago took {}, first new output after {}\n",
            many(now.takeovers_done, "takeover"),
            ns(last.ago_ns),
            ns(last.active_ns),
            last.first_output_ns.map_or("-".into(), ns),
        ),
        _ => "no takeover yet\n".into(),
    }
}

fn delay(now: &Snapshot, before: Option<&Snapshot>) -> String {
    let recent = before.map(|before| Delay::of(&now.delays.since(&before.delays)));
    let delay = recent.as_ref().filter(|delay| delay.count != 0).unwrap_or(&now.delay);
    let at = |time: Option<u64>| match time {
        None => "-".into(),
        Some(u64::MAX) => "more than 8.59 s".into(),
        Some(time) => ns(time),
    };
    format!(
        "held back until safe: p50 {}, p99 {}, p99.9 {}, longest {}\n",
        at(delay.p50_ns),
        at(delay.p99_ns),
        at(delay.p999_ns),
        at(delay.max_ns)
    )
}

/// What has been done since an earlier snapshot, in a second of that time.
struct Rates<'a> {
    before: Option<&'a Snapshot>,
    seconds: f64,
}

impl Rates<'_> {
    fn of(&self, now: u64, before: impl Fn(&Snapshot) -> u64) -> Option<u64> {
        let before = before(self.before?);
        (self.seconds > 0.0).then(|| (now.saturating_sub(before) as f64 / self.seconds) as u64)
    }
}

fn rates<'a>(now: &Snapshot, before: Option<&'a Snapshot>) -> Rates<'a> {
    let before = before.filter(|before| before.cores.len() == now.cores.len());
    let seconds = before.map_or(0.0, |before| now.up_ns.saturating_sub(before.up_ns) as f64 / 1e9);
    Rates { before, seconds }
}

fn traffic(now: &Snapshot, before: Option<&Snapshot>) -> Table {
    let rates = rates(now, before);
    let sum = |snapshot: &Snapshot, of: fn(&Core) -> u64| snapshot.cores.iter().map(of).sum::<u64>();
    let mut table = Table::default();
    let head = ["", "packets", "size", "packets/s", "size/s"];
    table.row(head.into_iter().take(if rates.before.is_some() { 5 } else { 3 }));
    let mut row = |what: &str, packets: fn(&Core) -> u64, size: fn(&Core) -> u64| {
        let mut cells = vec![what.to_owned(), count(sum(now, packets)), bytes(sum(now, size))];
        let per_second = |of| rates.of(sum(now, of), |before| sum(before, of));
        cells.extend(per_second(packets).map(count));
        cells.extend(per_second(size).map(bytes));
        table.row(cells);
    };
    row("in", |core| core.stamped, |core| core.stamped_bytes);
    row("released", |core| core.released, |core| core.released_bytes);
    let before = rates.before.map(|before| before.drops.by_reason());
    for (at, (reason, drops)) in now.drops.by_reason().into_iter().enumerate() {
        let mut cells = vec![format!("dropped: {}", reason.replace('_', " ")), count(drops)];
        if let Some(before) = &before {
            cells.push(String::new());
            cells.extend(rates.of(drops, |_| before[at].1).map(count));
        }
        table.row(cells);
    }
    table
}

/// Losses are shown if there were any.
fn ports(now: &Snapshot, before: Option<&Snapshot>) -> Table {
    let rates = rates(now, before);
    let lost =
        |reason: usize| now.ports.iter().any(|port| port.lost().nth(reason).is_some_and(|(_, frames)| frames > 0));
    let reasons = now.ports[0].lost().enumerate().filter(|(at, _)| lost(*at));
    let reasons: Vec<(usize, &str)> = reasons.map(|(at, (reason, _))| (at, reason)).collect();
    let mut table = Table::default();
    let mut head = vec!["port".to_owned(), "received".into(), "sent".into()];
    if rates.before.is_some() {
        head.extend(["received/s".into(), "sent/s".into()]);
    }
    head.extend(reasons.iter().map(|(_, reason)| reason.replace('_', " ")));
    table.row(head);
    for (at, port) in now.ports.iter().enumerate() {
        let mut row = vec![port.name.clone()];
        let both = [PortStat::Received, PortStat::Sent];
        row.extend(both.map(|stat| count(port.get(stat))));
        let before = |stat| move |before: &Snapshot| before.ports.get(at).map_or(0, |port| port.get(stat));
        row.extend(both.into_iter().filter_map(|stat| rates.of(port.get(stat), before(stat))).map(count));
        row.extend(
            reasons.iter().map(|(at, _)| port.lost().nth(*at).map_or(String::new(), |(_, frames)| count(frames))),
        );
        table.row(row);
    }
    table
}

fn cores(now: &Snapshot, before: Option<&Snapshot>) -> Table {
    let rates = rates(now, before);
    let mut table = Table::default();
    let mut head = vec!["core", "in", "released", "suppressed", "words", "in log", "det log", "out log"];
    if rates.before.is_some() {
        head.insert(2, "in/s");
        head.insert(4, "released/s");
    }
    table.row(head);
    for (at, core) in now.cores.iter().enumerate() {
        let mut row = vec![at.to_string(), count(core.stamped)];
        row.extend(rates.of(core.stamped, |before| before.cores[at].stamped).map(count));
        row.push(count(core.released));
        row.extend(rates.of(core.released, |before| before.cores[at].released).map(count));
        row.extend([count(core.suppressed), count(core.words)]);
        row.extend([core.input, core.det, core.out].into_iter().flatten().map(fill));
        table.row(row);
    }
    table
}

fn fill(fill: Fill) -> String {
    format!("{:.0} %", fill.share() * 100.0)
}
