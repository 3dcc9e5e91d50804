//! What protection costs a middlebox: input logger -> worker -> output logger in shared memory.
//!
//! Work: the example middleboxes `nat`, `monitor` and `sequencer` with 100,000 flows, packets of 64, 256 and 1500 bytes, in
//! bursts. A burst is stamped, then published at once; while the worker works through it, the other thread releases, takes a
//! checkpoint every 50 ms and applies it to a standby. So the worker is never short of input, and the figure is its own
//! packets per second of CPU time, taken from within. `end to end` is one thread stamping a burst and releasing it, the worker beside it.
//! Baseline: the same sources with the macros switched off (std types, no recording, no retention, no hash, no standby) between
//! the same rings, in alternating stretches of 25 bursts (after 50 that warm up). Figures are medians of stretches.
//!
//! The second table is about scaling: one worker against two by the wall clock, both sides. There are only two CPUs, so the loggers wait meanwhile.
//!
//! ```sh
//! cargo bench --bench pipeline                                    # two tables
//! cargo bench --bench pipeline -- --json --rounds 25 --only nat --flows 10000 --bytes 64   # one line
//! ```

#![allow(clippy::duplicate_mod, reason = "two of the middleboxes share a file")]

mod measure;
#[path = "pipeline/protected.rs"]
mod protected;
#[path = "pipeline/stopwatch.rs"]
mod stopwatch;
#[path = "pipeline/traffic.rs"]
mod traffic;
#[path = "pipeline/unprotected.rs"]
mod unprotected;

#[allow(dead_code)]
#[path = "../examples/monitor/middlebox/mod.rs"]
mod monitor;
#[allow(dead_code)]
#[path = "../examples/nat/middlebox/mod.rs"]
mod nat;
#[allow(dead_code)]
#[path = "../examples/sequencer/middlebox.rs"]
mod sequencer;

use std::time::{Duration, Instant};

use ftmb_netio::group_dir::LogSizes;
use ftmb_runtime::packet::PortId;
use measure::{Arguments, Lines, handoff, median, pin};
use protected::Protected;
use stopwatch::Stopwatch;
use traffic::Traffic;
use unprotected::Unprotected;

/// Packets between two looks at the clock, and between two publications of a worker.
const BATCH: usize = 32;
/// Packets of a burst, unless they are large.
const BURST: usize = 8192;
/// Packets of a stretch, before and while it is timed.
const WARM_UP: usize = 50 * BURST;
const MEASURED: usize = 25 * BURST;
/// Bytes of a burst, at most: it must fit into a quarter of an `in` log, and its outputs into an `out` log.
const BURST_BYTES: usize = 4 << 20;
const MIB: u64 = 1 << 20;
/// `ftmb`'s own default where there is memory.
const SIZES: LogSizes = LogSizes { input: 32 * MIB, det: 8 * MIB, out: 8 * MIB, ckpt: MIB, port: MIB };

/// One side of the comparison: this thread's ends of a pipeline.
trait Pipeline {
    /// Reads the clock.
    fn begin_batch(&mut self);
    /// Takes a packet in; false: no room.
    fn take(&mut self, port: PortId, bytes: &[u8]) -> bool;
    /// Shows the workers what was taken.
    fn publish(&mut self);
    /// Does what can be done downstream now; `seen` is shown what leaves.
    fn step(&mut self, seen: &mut dyn FnMut(&[u8]));
    /// Whether the workers have processed all that was published. Not to be asked all the time: it looks at what they write.
    fn is_processed(&self) -> bool;
    /// Packets taken and released.
    fn counts(&self) -> (u64, u64);
    /// The workers' time.
    fn stopwatch(&self) -> &Stopwatch;
}

/// A side with the traffic it gets.
struct Side {
    pipeline: Box<dyn Pipeline>,
    traffic: Traffic,
}

impl Side {
    /// Opens all flows.
    fn new(mut pipeline: Box<dyn Pipeline>, flows: u32, size: usize, case: &Case) -> Side {
        let mut traffic = Traffic::new(flows, size, !case.translates);
        for (number, frame) in traffic.opening(!case.translates).enumerate() {
            pipeline.begin_batch();
            while !pipeline.take(PortId(0), &frame) {
                pipeline.step(&mut |_| {});
            }
            if number % BATCH == BATCH - 1 {
                pipeline.publish();
                settle(&mut *pipeline, &mut |frame| learn(&mut traffic, case, frame));
            }
        }
        pipeline.publish();
        settle(&mut *pipeline, &mut |frame| learn(&mut traffic, case, frame));
        let (taken, released) = pipeline.counts();
        assert_eq!(taken, released, "{}: every flow opens", case.name);
        pipeline.stopwatch().take();
        Side { pipeline, traffic }
    }

    /// One stretch of bursts; packets per second of the workers, and from the first stamp to the last release.
    fn stretch(&mut self, packets: usize, beside: bool, smoke: bool) -> (f64, f64) {
        if smoke {
            return self.burst(packets, beside);
        }
        // What stood still for a while is warmed up first: caches, and a NAT notes once a second that a flow is alive.
        (0..WARM_UP / packets).for_each(|_| _ = self.burst(packets, beside));
        let bursts: Vec<_> = (0..MEASURED / packets).map(|_| self.burst(packets, beside)).collect();
        // All packets by all time, so that the pauses of checkpoints count.
        let mean =
            |rate: fn(&(f64, f64)) -> f64| bursts.len() as f64 / bursts.iter().map(|b| 1.0 / rate(b)).sum::<f64>();
        (mean(|burst| burst.0), mean(|burst| burst.1))
    }

    fn burst(&mut self, packets: usize, beside: bool) -> (f64, f64) {
        let Side { pipeline, traffic } = self;
        let start = Instant::now();
        for number in 0..packets {
            if number % BATCH == 0 {
                pipeline.begin_batch();
            }
            let (port, frame) = traffic.next();
            while !pipeline.take(port, frame) {
                pipeline.step(&mut |_| {});
            }
        }
        pipeline.publish();
        if !beside {
            measure::wait_for("the workers", || pipeline.is_processed());
        }
        settle(&mut **pipeline, &mut |_| {});
        let took = start.elapsed();
        assert_eq!(pipeline.stopwatch().packets(), packets as u64);
        (pipeline.stopwatch().take(), packets as f64 / took.as_secs_f64())
    }
}

fn learn(traffic: &mut Traffic, case: &Case, frame: &[u8]) {
    if case.translates {
        traffic.learn(frame);
    }
}

fn settle(pipeline: &mut dyn Pipeline, seen: &mut dyn FnMut(&[u8])) {
    let start = Instant::now();
    // Every packet of this traffic is forwarded.
    while pipeline.counts().0 != pipeline.counts().1 {
        (0..64).for_each(|_| pipeline.step(seen));
        assert!(start.elapsed() < Duration::from_secs(30), "the pipeline hangs");
    }
}

/// A thread with a name, for profilers.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::thread::JoinHandle<()> {
    std::thread::Builder::new().name(name.into()).spawn(work).expect("a thread")
}

struct Case {
    name: &'static str,
    translates: bool,
    protected: fn(&[usize], usize) -> Box<dyn Pipeline>,
    unprotected: fn(&[usize], usize) -> Box<dyn Pipeline>,
}

const CASES: [Case; 3] = [
    Case {
        name: "nat",
        translates: true,
        protected: |cpus, timed| {
            let make = || nat::Nat::new(nat::NatConfig::default(), PortId(0), PortId(1));
            Box::new(Protected::start(make, cpus, timed, SIZES))
        },
        unprotected: |cpus, timed| Box::new(Unprotected::start(ftmb_unprotected::nat(), cpus, timed, SIZES)),
    },
    Case {
        name: "monitor",
        translates: false,
        protected: |cpus, timed| {
            let make = || monitor::Monitor::new(monitor::MonitorConfig::default(), PortId(0), PortId(1));
            Box::new(Protected::start(make, cpus, timed, SIZES))
        },
        unprotected: |cpus, timed| Box::new(Unprotected::start(ftmb_unprotected::monitor(), cpus, timed, SIZES)),
    },
    Case {
        name: "sequencer",
        translates: false,
        protected: |cpus, timed| {
            Box::new(Protected::start(|| sequencer::Sequencer::new(PortId(0), PortId(1)), cpus, timed, SIZES))
        },
        unprotected: |cpus, timed| Box::new(Unprotected::start(ftmb_unprotected::sequencer(), cpus, timed, SIZES)),
    },
];

/// One line of a table: both sides, round by round.
struct Row {
    case: &'static str,
    size: usize,
    workers: usize,
    protected: Vec<(f64, f64)>,
    unprotected: Vec<(f64, f64)>,
}

impl Row {
    fn worker(rounds: &[(f64, f64)]) -> f64 {
        median(rounds.iter().map(|round| round.0 / 1e6).collect())
    }

    fn end_to_end(rounds: &[(f64, f64)]) -> f64 {
        median(rounds.iter().map(|round| round.1 / 1e6).collect())
    }

    fn ratio(&self) -> f64 {
        median(self.protected.iter().zip(&self.unprotected).map(|(protected, plain)| protected.0 / plain.0).collect())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "middlebox": self.case, "bytes": self.size, "workers": self.workers,
            "protected_mpps": Row::worker(&self.protected), "unprotected_mpps": Row::worker(&self.unprotected),
            "ratio": self.ratio(),
            "protected_end_to_end_mpps": Row::end_to_end(&self.protected),
            "unprotected_end_to_end_mpps": Row::end_to_end(&self.unprotected),
        })
    }
}

/// Both sides of one case in alternation.
fn compare(case: &Case, size: usize, cpus: &[usize], beside: bool, arguments: &Arguments) -> Row {
    pin(0);
    let usual = if arguments.smoke { traffic::FEW } else { traffic::FLOWS };
    let (rounds, flows) = (arguments.rounds, arguments.flows.unwrap_or(usual));
    // In the table about scaling even one worker is timed by the wall clock.
    let timed = if beside { cpus.len() } else { stopwatch::MOST };
    let mut protected = Side::new((case.protected)(cpus, timed), flows, size, case);
    let mut unprotected = Side::new((case.unprotected)(cpus, timed), flows, size, case);
    let packets = BURST.min(BURST_BYTES / (size + 256) / BATCH * BATCH);
    let mut row = Row { case: case.name, size, workers: cpus.len(), protected: Vec::new(), unprotected: Vec::new() };
    for round in usize::from(arguments.smoke)..=rounds {
        let one = protected.stretch(packets, beside, arguments.smoke);
        let other = unprotected.stretch(packets, beside, arguments.smoke);
        // The first round warms up, unless there is no other.
        if round > 0 || arguments.smoke {
            row.protected.push(one);
            row.unprotected.push(other);
        }
    }
    row
}

fn main() {
    let arguments = Arguments::parse(11);
    let before = handoff();
    let sizes = match arguments.bytes {
        Some(bytes) => vec![bytes],
        None if arguments.smoke => vec![64],
        None => vec![64, 256, 1500],
    };
    // The worker's CPU; this thread is on CPU 0.
    let one = [measure::cpus().min(2) - 1];
    let wanted = || CASES.iter().filter(|case| arguments.wants(case.name));
    println!("packets per second of one worker, millions; in brackets end to end");
    heading("ratio");
    let mut rows = Vec::new();
    for case in wanted() {
        for &size in &sizes {
            let row = compare(case, size, &one, true, &arguments);
            let (plain, whole) = (Row::worker(&row.unprotected), Row::end_to_end(&row.unprotected));
            line(&row, plain, whole, row.ratio());
            rows.push(row);
        }
    }
    let mut scaling = Vec::new();
    if measure::cpus() > 1 && arguments.bytes.is_none() {
        println!("\nmillions of packets per second of one and of two workers, {} bytes, the loggers waiting", sizes[0]);
        println!("{:10} {:>7} {:>11} {:>11} {:>7}", "", "side", "one", "two", "factor");
        for case in wanted() {
            let [single, double] = [&[1][..], &[1, 0][..]].map(|cpus| compare(case, sizes[0], cpus, false, &arguments));
            for (side, rounds) in [
                ("with", [&single.protected, &double.protected]),
                ("without", [&single.unprotected, &double.unprotected]),
            ] {
                let [one, two] = rounds.map(|rounds| Row::worker(rounds));
                println!("{:10} {side:>7} {one:>11.2} {two:>11.2} {:>7.2}", case.name, two / one);
            }
            scaling.extend([single, double]);
        }
    }
    let lines = Lines { before, after: handoff() };
    println!("{lines}");
    if arguments.json {
        let json = |rows: &[Row]| rows.iter().map(Row::json).collect::<Vec<_>>();
        println!(
            "{}",
            serde_json::json!({
                "bench": "pipeline", "rows": json(&rows), "scaling": json(&scaling), "handoff": lines.json(),
            })
        );
    }
}

fn heading(last: &str) {
    println!("{:10} {:>6} {:>16} {:>16} {last:>7}", "", "bytes", "protected", "unprotected");
}

fn line(row: &Row, plain: f64, whole: f64, ratio: f64) {
    let (worker, end_to_end) = (Row::worker(&row.protected), Row::end_to_end(&row.protected));
    println!(
        "{:10} {:>6} {worker:>8.2} ({end_to_end:>5.2}) {plain:>8.2} ({whole:>5.2}) {ratio:>7.2}",
        row.case, row.size
    );
}
