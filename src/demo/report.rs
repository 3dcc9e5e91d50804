//! What `demo` says at the end. Invariant: every figure is of the whole run; nothing that went wrong is left out.

use serde_json::{Value, json};

use super::checker::Findings;
use super::latency::Percentiles;
use super::options::Target;
use crate::cli::CommandError;
use crate::cli::table::{Table, bytes, count, ns};
use crate::scenario::Missing;

/// The whole run.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    pub(super) seed: u64,
    /// How long packets were sent, ns.
    pub(super) sending: u64,
    pub(super) packets_in: u64,
    /// Packets that were due and could not be sent before the time was over.
    pub(super) late: u64,
    /// How often the group took no more, and how often the scenario had nothing to send.
    pub(super) held_back: [u64; 2],
    pub(super) findings: Findings,
    pub(super) missing: Missing,
    /// Inputs may not all have been processed when the judge counted.
    pub(super) unfinished: bool,
    pub(super) kills: Vec<(u64, Target)>,
    /// From the detection of a master's end to the first new output.
    pub(super) recovery: Percentiles,
    pub(super) latency: Percentiles,
    pub(super) quiet: Percentiles,
    pub(super) failing: Percentiles,
    /// Pauses of the cores at checkpoints.
    pub(super) flips: Percentiles,
    pub(super) checkpoints: u64,
    pub(super) checkpoint_bytes: u64,
    /// Determinant bytes of all packets.
    pub(super) log_bytes: u64,
    /// Packets stamped.
    pub(super) stamped: u64,
    /// Epochs that began.
    pub(super) epochs: u64,
}

impl Report {
    /// Packets that should have come out and did not: what the scenario misses and what is missing in the sequences of the cores are
    /// the same packets seen from two sides.
    pub(super) fn lost(&self) -> u64 {
        self.missing.packets.max(self.findings.skipped)
    }

    /// What must never happen.
    pub(super) fn verdict(&self) -> Result<(), CommandError> {
        let (lost, duplicated, contradicted) = (self.lost(), self.findings.duplicated, self.findings.contradicted);
        if (lost, duplicated, contradicted) == (0, 0, 0) && !self.unfinished {
            return Ok(());
        }
        Err(CommandError::Broken { lost, duplicated, contradicted })
    }

    fn log_bytes_per_packet(&self) -> f64 {
        if self.stamped == 0 { 0.0 } else { self.log_bytes as f64 / self.stamped as f64 }
    }

    fn mean_checkpoint(&self) -> u64 {
        self.checkpoint_bytes.checked_div(self.checkpoints).unwrap_or(0)
    }

    /// The table.
    pub(super) fn text(&self) -> String {
        let mut counts = Table::default();
        let rate = (self.packets_in as f64 * 1e9 / self.sending.max(1) as f64) as u64;
        let mut line = |name: &str, value: String| {
            counts.row([name.to_owned(), value]);
        };
        line("packets in", count(self.packets_in));
        line("  per second", count(rate));
        line("released", count(self.findings.released));
        line("lost", count(self.lost()));
        line("duplicated", count(self.findings.duplicated));
        line("contradicted", count(self.findings.contradicted));
        line("kills", count(self.kills.len() as u64));
        if self.findings.repeated != 0 {
            line("repeated by a new gateway, dropped", count(self.findings.repeated));
        }
        line("checkpoints", count(self.checkpoints));
        line("  bytes each", bytes(self.mean_checkpoint()));
        line("log bytes per packet (determinants)", format!("{:.1}", self.log_bytes_per_packet()));

        let mut times = Table::default();
        times.row(["", "p50", "p99", "p99.9", "max"]);
        let all = |p: Percentiles| [ns(p.p50), ns(p.p99), ns(p.p999), ns(p.max)];
        let mut line = |name: &str, cells: [String; 4]| {
            times.row(std::iter::once(name.to_owned()).chain(cells));
        };
        let few = |p: Percentiles| [ns(p.p50), String::new(), String::new(), ns(p.max)];
        line("recovery (detection to first new output)", few(self.recovery));
        line("latency, no failure near", all(self.quiet));
        line("latency, around a failure", all(self.failing));
        line("pause at a checkpoint", all(self.flips));
        format!("{counts}\n{times}{}", self.remarks())
    }

    fn remarks(&self) -> String {
        let mut text = String::new();
        let mut remark = |what: String| text += &format!("\n{what}");
        if self.late != 0 {
            let why = match self.held_back {
                [0, 0] => "this process could not make them in time",
                [full, waiting] if full >= waiting => "the middlebox does not keep up with the rate asked for",
                _ => "the scenario waited for answers",
            };
            remark(format!("{} packets fewer were sent than the rate asks for: {why}", count(self.late)));
        }
        if self.unfinished {
            remark("not everything that was sent had been processed when the waiting ended".into());
        }
        if self.findings.released == 0 && self.packets_in != 0 {
            remark("nothing was released, so nothing was checked: the middlebox dropped every packet, or sent it to a port that the \
                    group does not have (FTMB_LOG=warn tells)".into());
        }
        for finding in &self.findings.told {
            remark(finding.clone());
        }
        for example in &self.missing.examples {
            remark(format!("missing: {example}"));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    /// The JSON object.
    pub(super) fn json(&self) -> Value {
        let us = |ns: u64| ns as f64 / 1000.0;
        let latency = |p: Percentiles| json!({ "p50": us(p.p50), "p99": us(p.p99), "p999": us(p.p999) });
        let kills_of = |target: Target| self.kills.iter().filter(|(_, killed)| *killed == target).count();
        json!({
            "packets_in": self.packets_in,
            "released": self.findings.released,
            "lost": self.lost(),
            "duplicated": self.findings.duplicated,
            "contradicted": self.findings.contradicted,
            "kills": self.kills.len(),
            "recovery_us": { "p50": us(self.recovery.p50), "max": us(self.recovery.max) },
            "latency_us": latency(self.latency),
            "flip_us": { "p50": us(self.flips.p50), "p99": us(self.flips.p99) },
            "log_bytes_per_packet": (self.log_bytes_per_packet() * 100.0).round() / 100.0,
            "seed": self.seed,
            "seconds": self.sending as f64 / 1e9,
            "late": self.late,
            "repeated": self.findings.repeated,
            "unfinished": self.unfinished,
            "kills_by": {
                "master": kills_of(Target::Master),
                "standby": kills_of(Target::Standby),
                "both": kills_of(Target::Both),
                "gateway": kills_of(Target::Gateway),
                "all": kills_of(Target::All),
            },
            "latency_quiet_us": latency(self.quiet),
            "latency_failure_us": latency(self.failing),
            "checkpoints": self.checkpoints,
            "checkpoint_bytes": self.mean_checkpoint(),
            "epochs": self.epochs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            packets_in: 3_000_000,
            sending: 10_000_000_000,
            findings: Findings { released: 2_950_000, ..Findings::default() },
            kills: vec![(1, Target::Master); 5],
            stamped: 3_000_000,
            log_bytes: 24_000_000,
            recovery: Percentiles { count: 5, p50: 4_200_000, p99: 0, p999: 0, max: 12_000_000 },
            ..Report::default()
        }
    }

    #[test]
    fn the_table_is_aligned_and_says_the_essentials() {
        let text = report().text();
        assert!(text.contains("packets in                           3,000,000\n"), "{text}");
        assert!(text.contains("lost                                         0\n"), "{text}");
        assert!(text.contains("log bytes per packet (determinants)        8.0\n"), "{text}");
        assert!(text.contains("recovery (detection to first new output)  4.20 ms"), "{text}");
        assert!(report().verdict().is_ok());
    }

    #[test]
    fn a_run_that_released_nothing_says_that_it_checked_nothing() {
        let nothing = Report { findings: Findings::default(), ..report() };
        assert!(nothing.text().contains("nothing was released, so nothing was checked"), "{}", nothing.text());
        assert!(!report().text().contains("nothing was released"));
    }

    #[test]
    fn the_json_object_has_the_keys_that_were_promised() {
        let value = report().json();
        for key in ["packets_in", "released", "lost", "duplicated", "contradicted", "kills", "log_bytes_per_packet"] {
            assert!(value[key].is_number(), "{key}");
        }
        for (key, inner) in [
            ("recovery_us", ["p50", "max"].as_slice()),
            ("latency_us", &["p50", "p99", "p999"]),
            ("flip_us", &["p50", "p99"]),
        ] {
            assert!(inner.iter().all(|inner| value[key][inner].is_number()), "{key}");
        }
        assert!(!value.to_string().contains('\n'));
    }

    #[test]
    fn anything_that_must_not_happen_is_an_error() {
        let mut lost = report();
        lost.findings.skipped = 3;
        lost.missing.packets = 2;
        assert_eq!(
            lost.verdict().expect_err("lost").to_string(),
            "3 packets lost, 0 duplicated, 0 contradicted; expected none"
        );
        assert!(Report { unfinished: true, ..report() }.verdict().is_err());
    }
}
