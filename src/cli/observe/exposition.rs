//! A group for Prometheus: its text format, version 0.0.4. Invariant: a family is described once, in front of its samples, and no
//! two samples have the same name and labels; whatever a label holds, it ends where it should.

use std::fmt::Write;

use ftmb_netio::group_record::{DELAY_BUCKETS, Delays};
use ftmb_netio::port::PortStat;
use ftmb_runtime::middlebox::MetricKind;

use super::{Core, Fill, Snapshot};

/// What the text is, for `Content-Type`.
pub(in crate::cli) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Histogram bounds are powers of two: every so many buckets of the record.
const STEP: usize = 4;

#[derive(Debug, Default)]
struct Exposition {
    text: String,
    name: &'static str,
}

impl Exposition {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Exposition {
        self.name = name;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Exposition {
        self.named("", labels, value)
    }

    /// A sample of a part of the family, such as `_sum`.
    fn named(&mut self, part: &str, labels: &[(&str, &str)], value: f64) -> &mut Exposition {
        let _ = write!(self.text, "{}{part}", self.name);
        for (at, (label, content)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{label}=\"{}\"", if at == 0 { '{' } else { ',' }, escaped(content));
        }
        let value = match value {
            value if value.is_nan() => "NaN".into(),
            f64::INFINITY => "+Inf".into(),
            f64::NEG_INFINITY => "-Inf".into(),
            value => value.to_string(),
        };
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
        self
    }

    fn counter(&mut self, name: &'static str, help: &str, value: u64) {
        self.family(name, "counter", help).sample(&[], value as f64);
    }

    fn gauge(&mut self, name: &'static str, help: &str, value: f64) {
        self.family(name, "gauge", help).sample(&[], value);
    }
}

fn escaped(content: &str) -> String {
    content.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// A snapshot as Prometheus reads it.
pub(in crate::cli) fn text(now: &Snapshot) -> String {
    let mut to = Exposition::default();
    group(&mut to, now);
    traffic(&mut to, now);
    delays(&mut to, &now.delays);
    checkpoints(&mut to, now);
    processes(&mut to, now);
    journal(&mut to, now);
    middlebox(&mut to, now);
    to.text
}

fn group(to: &mut Exposition, now: &Snapshot) {
    let name = now.directory.file_name().unwrap_or_default().to_string_lossy();
    let help = "The group that answers, its state, and how protected it is.";
    let labels = [("group", &*name), ("state", now.state), ("protection", &now.protection)];
    to.family("ftmb_group_info", "gauge", help).sample(&labels, 1.0);
    to.gauge("ftmb_uptime_seconds", "Time since the group was created.", seconds(now.up_ns));
    let help = "1 if nothing is lost whatever process dies now, and a successor is ready; else 0.";
    to.gauge("ftmb_protected", help, f64::from(u8::from(now.protected)));
    to.gauge("ftmb_epoch", "Number of the current epoch: the reign of one master.", now.epoch as f64);
    to.counter("ftmb_takeovers_total", "Takeovers that became active.", now.takeovers_done);
    let Some(last) = now.takeovers.last() else { return };
    let help = "How long the last takeover took, from the old master's end to the new one being active.";
    to.gauge("ftmb_last_takeover_seconds", help, seconds(last.active_ns));
    let at = now.created_unix_ns + (now.up_ns.saturating_sub(last.ago_ns)) as i64;
    to.gauge("ftmb_last_takeover_timestamp_seconds", "When that was, in unix time.", at as f64 / 1e9);
}

fn traffic(to: &mut Exposition, now: &Snapshot) {
    type Of = fn(&Core) -> u64;
    let families: [(&'static str, &str, Of); 6] = [
        ("ftmb_packets_in_total", "Packets stamped.", |core| core.stamped),
        ("ftmb_bytes_in_total", "Bytes of packets stamped.", |core| core.stamped_bytes),
        ("ftmb_packets_released_total", "Outputs released.", |core| core.released),
        ("ftmb_bytes_released_total", "Bytes of outputs released.", |core| core.released_bytes),
        ("ftmb_packets_suppressed_total", "Outputs made again after a takeover, checked and not sent.", |core| {
            core.suppressed
        }),
        ("ftmb_determinants_total", "Words of determinants that the output logger has passed.", |core| core.words),
    ];
    for (name, help, of) in families {
        to.family(name, "counter", help);
        for (at, core) in now.cores.iter().enumerate() {
            to.sample(&[("core", &at.to_string())], of(core) as f64);
        }
    }
    to.family("ftmb_packets_dropped_total", "counter", "Packets dropped outside of the middlebox, by reason.");
    for (reason, drops) in now.drops.by_reason() {
        to.sample(&[("reason", reason)], drops as f64);
    }
    ports(to, now);
    let help = "Rounds in which an input log was found full.";
    to.counter("ftmb_input_log_full_total", help, now.input_log_full);
    to.counter("ftmb_ticks_total", "Ticks stamped.", now.ticks);
    to.counter("ftmb_controls_total", "Control requests stamped.", now.controls);
    to.family("ftmb_log_used_ratio", "gauge", "Share of a log that is in use, 0 to 1.");
    if let Some(ckpt) = now.ckpt {
        to.sample(&[("log", "ckpt")], ckpt.share());
    }
    for (at, core) in now.cores.iter().enumerate() {
        let logs = [("in", core.input), ("det", core.det), ("out", core.out)];
        for (log, fill) in logs.into_iter().filter_map(|(log, fill)| Some((log, fill?))) {
            to.sample(&[("log", log), ("core", &at.to_string())], Fill::share(fill));
        }
    }
}

fn ports(to: &mut Exposition, now: &Snapshot) {
    if now.ports.is_empty() {
        return;
    }
    let counts = [
        ("ftmb_port_frames_received_total", "Frames that came in by a port.", PortStat::Received),
        ("ftmb_port_frames_sent_total", "Frames that left by a port.", PortStat::Sent),
    ];
    for (name, help, stat) in counts {
        to.family(name, "counter", help);
        now.ports.iter().for_each(|port| _ = to.sample(&[("port", &port.name)], port.get(stat) as f64));
    }
    to.family("ftmb_port_frames_lost_total", "counter", "Frames lost at a port, on either way, by reason.");
    for port in &now.ports {
        for (reason, frames) in port.lost() {
            to.sample(&[("port", &port.name), ("reason", reason)], frames as f64);
        }
    }
}

fn delays(to: &mut Exposition, delays: &Delays) {
    let help = "From the arrival of an input until an output that stems from it has left.";
    to.family("ftmb_release_delay_seconds", "histogram", help);
    let mut below = 0;
    for (bucket, count) in delays.buckets().iter().enumerate() {
        below += count;
        if bucket + 1 == DELAY_BUCKETS {
            to.named("_bucket", &[("le", "+Inf")], below as f64);
        } else if bucket.is_multiple_of(STEP) {
            to.named("_bucket", &[("le", &seconds(Delays::bound(bucket)).to_string())], below as f64);
        }
    }
    to.named("_sum", &[], seconds(delays.sum())).named("_count", &[], below as f64);
}

fn checkpoints(to: &mut Exposition, now: &Snapshot) {
    let checkpoint = &now.checkpoint;
    to.counter("ftmb_checkpoints_total", "Checkpoints committed.", checkpoint.count);
    to.counter("ftmb_checkpoint_bytes_total", "Bytes of all committed checkpoints.", checkpoint.bytes_total);
    to.gauge("ftmb_checkpoint_size_bytes", "Size of the last committed checkpoint.", checkpoint.bytes as f64);
    let help = "Time between the last two checkpoints.";
    to.gauge("ftmb_checkpoint_interval_seconds", help, seconds(checkpoint.interval_ns));
    if let Some(age) = checkpoint.age_ns {
        to.gauge("ftmb_checkpoint_age_seconds", "Time since the last checkpoint.", seconds(age));
    }
    to.family(
        "ftmb_checkpoint_pause_seconds",
        "summary",
        "How long the cores stood still for a checkpoint, of the last 4096.",
    );
    to.sample(&[("quantile", "0.5")], seconds(checkpoint.pause_p50_ns));
    to.sample(&[("quantile", "0.99")], seconds(checkpoint.pause_p99_ns));
}

fn processes(to: &mut Exposition, now: &Snapshot) {
    to.counter("ftmb_gateways_started_total", "Gateway processes started.", now.gateways_started);
    to.counter("ftmb_members_started_total", "Masters, standbys and keepers started.", now.members_started);
    let doing = now.standby.as_ref().map_or("missing", |standby| standby.doing);
    to.family("ftmb_standby_info", "gauge", "What the standby, or the keeper of the image, is doing.");
    to.sample(&[("state", doing)], 1.0);
    let Some(standby) = &now.standby else { return };
    if let (Some(lag), Some(lag_ns)) = (standby.lag, standby.lag_ns) {
        let help = "Committed checkpoints that the standby has not applied.";
        to.gauge("ftmb_standby_lag_checkpoints", help, lag as f64);
        let help = "Age of the state that the standby has.";
        to.gauge("ftmb_standby_lag_seconds", help, seconds(lag_ns));
    }
}

fn journal(to: &mut Exposition, now: &Snapshot) {
    let Some(journal) = &now.journal else { return };
    to.counter("ftmb_journal_batches_total", "Group commits of the journal.", journal.batches);
    to.counter("ftmb_journal_bytes_total", "Bytes of these.", journal.bytes);
    to.gauge("ftmb_journal_commit_seconds", "How long the last one took.", seconds(journal.last_commit_ns));
    let help = "1 if the journal is suspended: what leaves now would not survive a power loss; else 0.";
    to.gauge("ftmb_journal_suspended", help, f64::from(u8::from(journal.suspended)));
    to.counter("ftmb_journal_suspensions_total", "How often it was suspended.", journal.suspensions);
}

fn middlebox(to: &mut Exposition, now: &Snapshot) {
    let families = [
        ("ftmb_middlebox_total", "counter", MetricKind::Counter, "The middlebox's own counters."),
        ("ftmb_middlebox", "gauge", MetricKind::Gauge, "The middlebox's own gauges."),
    ];
    for (name, kind, meant, help) in families {
        let mut seen = std::collections::HashSet::new();
        let mut figures =
            now.middlebox.iter().filter(|figure| figure.kind == meant && seen.insert(&figure.name)).peekable();
        if figures.peek().is_some() {
            to.family(name, kind, help);
        }
        figures.for_each(|figure| {
            to.sample(&[("name", &figure.name)], figure.value);
        });
    }
}

#[cfg(test)]
mod tests;
