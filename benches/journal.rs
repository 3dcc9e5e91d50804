//! What a journal costs a running group: throughput, and how much later outputs leave.
//!
//! Work: `nat demo`, all of its processes, one core, 64-byte-and-more frames of the example's own traffic, no kills. Twice a round:
//! as many packets as the group takes (asked for 2M a second: `released per second`), and a rate that it bears easily (20k a
//! second: latency, from the generator's send to the sink's receipt). The journal is in the system's temporary directory, on
//! whatever disk that is.
//! Baseline: the same without a journal. The four follow each other within a round; figures are medians of rounds.
//!
//! ```sh
//! cargo bench --bench journal                              # a table
//! cargo bench --bench journal -- --json --rounds 5 --only sync
//! ```

// The other benchmarks need more of it.
#[allow(dead_code)]
mod measure;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use measure::{Arguments, median};
use serde_json::{Value, json};

/// Packets per second: more than it bears, and what it bears easily.
const RATES: [&str; 2] = ["2M", "20k"];
const CASES: [&str; 4] = ["without", "none", "async", "sync"];
const SECONDS: &str = "3";

/// The figures of one case, one entry a round.
#[derive(Debug, Default)]
struct Case {
    per_second: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    bytes_per_packet: Vec<f64>,
}

fn main() {
    let arguments = Arguments::parse(3);
    let program = program(arguments.smoke);
    let mut cases: Vec<(&str, Case)> = CASES.map(|name| (name, Case::default())).into();
    cases.retain(|(name, _)| *name == CASES[0] || arguments.wants(name));
    for _ in 0..arguments.rounds {
        for (name, case) in &mut cases {
            let (full, _) = run(&program, name, RATES[0], arguments.smoke);
            let released = full["released"].as_f64().unwrap_or(f64::NAN);
            case.per_second.push(released / full["seconds"].as_f64().unwrap_or(seconds(arguments.smoke)));
            let (easy, bytes) = run(&program, name, RATES[1], arguments.smoke);
            let latency = |which: &str| easy["latency_us"][which].as_f64().unwrap_or(f64::NAN);
            case.p50.push(latency("p50"));
            case.p99.push(latency("p99"));
            case.bytes_per_packet.push(bytes as f64 / easy["packets_in"].as_f64().unwrap_or(f64::NAN));
        }
    }
    println!("durability   released per second   latency p50 us   p99 us   journal bytes per packet");
    let mut lines = Vec::new();
    for (name, case) in cases {
        let [rate, p50, p99, bytes] = [case.per_second, case.p50, case.p99, case.bytes_per_packet].map(median);
        println!("{name:<11} {rate:>20.0} {p50:>16.0} {p99:>8.0} {bytes:>26.0}");
        lines.push(
            json!({ "durability": name, "per_second": rate, "p50_us": p50, "p99_us": p99, "bytes_per_packet": bytes }),
        );
    }
    if arguments.json {
        println!("{}", json!({ "bench": "journal", "rounds": arguments.rounds, "cases": lines }));
    }
}

fn seconds(smoke: bool) -> f64 {
    if smoke { 0.3 } else { SECONDS.parse().expect("a number") }
}

/// One run: its report, and the bytes of batches in its journal.
fn run(program: &Path, durability: &str, rate: &str, smoke: bool) -> (Value, u64) {
    let disk = tempfile::tempdir().expect("a directory");
    let journal = disk.path().join("journal");
    let mut command = Command::new(program);
    let seconds = seconds(smoke).to_string();
    command.args([
        "demo",
        "--json",
        "--kills",
        "0",
        "--cores",
        "1",
        "--seed",
        "1",
        "--rate",
        rate,
        "--seconds",
        &seconds,
    ]);
    if durability != CASES[0] {
        command.arg("--journal").arg(&journal).args(["--durability", durability]);
    }
    let output = command.stdin(Stdio::null()).env("FTMB_LOG", "error").output().expect("the example runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let report = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let report = report.unwrap_or_else(|| panic!("{}: no report: {output:?}", program.display()));
    (report, written(&journal))
}

/// Bytes up to the last batch of each segment.
fn written(journal: &Path) -> u64 {
    let mut bytes = 0;
    for run in std::fs::read_dir(journal).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(run.path()).into_iter().flatten().flatten() {
            let content = std::fs::read(file.path()).unwrap_or_default();
            bytes += content.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1) as u64;
        }
    }
    bytes
}

/// The example, built as this benchmark is.
fn program(smoke: bool) -> PathBuf {
    let this = std::env::current_exe().expect("a benchmark has a path");
    let profile = this.ancestors().nth(2).expect("target/PROFILE/deps/BENCH");
    let name = if smoke { "dev" } else { "release" };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--offline", "--example", "nat"]);
    cargo.args(["--profile", name, "--target-dir"]).arg(profile.parent().expect("target/PROFILE"));
    assert!(cargo.status().expect("cargo runs").success(), "the example does not compile");
    profile.join("examples/nat")
}
