//! What `demo` is told. Invariant: the same seed and options give the same traffic and the same plan of kills.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::GroupOptions;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// The process that runs the middlebox
    Master,
    /// The process that would take over, or keeps the image
    Standby,
    /// Master and standby at once
    Both,
    /// The process that hosts input and output logger
    Gateway,
    /// Gateway, master and standby at once
    All,
}

/// Traffic and kills.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoOptions {
    /// Makes traffic and kills repeatable [default: another one each time]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How long to send
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Packets per second: 50000, 300k, 1M
    #[arg(long, value_name = "R", default_value = "300k", value_parser = rate)]
    pub(crate) rate: u64,
    /// How often to kill
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) kills: u32,
    /// What to kill: each time one of these
    #[arg(long, value_enum, value_delimiter = ',', default_value = "master", value_name = "WHAT,...")]
    pub(crate) kill: Vec<Target>,
    /// After the table, one line with a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) group: GroupOptions,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected 0.1 to 86400 seconds".into())
}

fn rate(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 1_000),
        Some(b'M') => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    let rate = digits.parse::<u64>().ok().and_then(|rate| rate.checked_mul(unit));
    rate.filter(|rate| (1..=100_000_000).contains(rate))
        .ok_or_else(|| "expected 1 to 100M packets per second, for example 50000, 300k or 1M".into())
}
