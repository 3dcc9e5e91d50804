//! What a determinant costs: tracked locks and atomics against std's.
//!
//! Work: `process` makes 20,000 accesses of one kind to one variable in a packet and times them itself; alone, and with two
//! cores on the same variable. Baseline: the same loop over std's type, in the same place, round by round in alternation.
//! A third column is the tracked type's lock alone, outside of packet code, where nothing is recorded.
//! Figures are medians; with two cores ns is the time until both are through, divided by the accesses of both.
//!
//! ```sh
//! cargo bench --bench determinant                       # a table
//! cargo bench --bench determinant -- --json --rounds 51 --only mutex
//! ```

mod measure;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_utils::CachePadded;
use ftmb_runtime::context::Context;
use ftmb_runtime::frame::{InHeader, KIND_PACKET};
use ftmb_runtime::instance::Instance;
use ftmb_runtime::log::{Bell, FrameWriter, Log, LogKind, LogSpec, Words};
use ftmb_runtime::middlebox::Middlebox;
use ftmb_runtime::packet::{Packet, Verdict};
use ftmb_runtime::sync::{self, Shared, Walker};
use ftmb_runtime::worker::{Bells, CoreLogs, CoreStart, Polling, Worker, first_point};
use measure::{Arguments, Lines, handoff, median, pin, wait_for};
use zerocopy::IntoBytes;

/// Accesses that are timed at once.
const ACCESSES: u64 = 20_000;
/// Cores of the instance.
const CORES: usize = 2;

const CASES: [&str; 5] = ["mutex", "rwlock read", "rwlock write", "fetch_add", "load"];

/// The same variables twice.
#[derive(Default)]
struct Variables {
    mutex: sync::Mutex<u64>,
    rwlock: sync::RwLock<u64>,
    atomic: sync::AtomicU64,
    std_mutex: CachePadded<std::sync::Mutex<u64>>,
    std_rwlock: CachePadded<std::sync::RwLock<u64>>,
    std_atomic: CachePadded<AtomicU64>,
    /// Cores that stand ready.
    gate: CachePadded<AtomicUsize>,
    /// ns that each core took; zero: not yet through.
    took: [CachePadded<AtomicU64>; CORES],
}

impl Shared for Variables {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        walker.field("mutex", &self.mutex);
        walker.field("rwlock", &self.rwlock);
        walker.field("atomic", &self.atomic);
    }
}

fn repeat(mut access: impl FnMut()) -> u64 {
    let start = Instant::now();
    for _ in 0..ACCESSES {
        access();
    }
    start.elapsed().as_nanos() as u64
}

impl Variables {
    fn tracked(&self, case: usize) -> u64 {
        let this = black_box(self);
        match case {
            0 => repeat(|| *this.mutex.lock().unwrap() += 1),
            1 => repeat(|| _ = black_box(*this.rwlock.read().unwrap())),
            2 => repeat(|| *this.rwlock.write().unwrap() += 1),
            3 => repeat(|| _ = black_box(this.atomic.fetch_add(1, Ordering::AcqRel))),
            _ => repeat(|| _ = black_box(this.atomic.load(Ordering::Acquire))),
        }
    }

    fn untracked(&self, case: usize) -> u64 {
        let this = black_box(self);
        match case {
            0 => repeat(|| *this.std_mutex.lock().unwrap() += 1),
            1 => repeat(|| _ = black_box(*this.std_rwlock.read().unwrap())),
            2 => repeat(|| *this.std_rwlock.write().unwrap() += 1),
            3 => repeat(|| _ = black_box(this.std_atomic.fetch_add(1, Ordering::AcqRel))),
            _ => repeat(|| _ = black_box(this.std_atomic.load(Ordering::Acquire))),
        }
    }
}

impl Middlebox for Variables {
    /// The packet says what to do: case, tracked or not, cores that take part.
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let &[case, tracked, parties] = packet.bytes() else { return Verdict::Drop };
        self.gate.fetch_add(1, Ordering::SeqCst);
        while self.gate.load(Ordering::SeqCst) < usize::from(parties) {
            std::hint::spin_loop();
        }
        let ns = if tracked == 1 { self.tracked(case.into()) } else { self.untracked(case.into()) };
        self.took[cx.core()].store(ns.max(1), Ordering::SeqCst);
        Verdict::Drop
    }
}

struct Ring(Words);

impl Bells for Ring {
    fn core(&self, core: usize) -> Bell<'_> {
        self.0.bell(core)
    }
    fn downstream(&self) -> Bell<'_> {
        self.0.bell(CORES)
    }
}

/// The instance and this thread's end of its logs.
struct Driver<'a> {
    variables: &'a Variables,
    bells: &'a Ring,
    inputs: Vec<FrameWriter>,
    logs: &'a [CoreLogs],
}

impl Driver<'_> {
    /// Has the first `parties` cores make the accesses; returns ns per access.
    fn time(&mut self, case: usize, tracked: bool, parties: usize) -> f64 {
        self.variables.gate.store(0, Ordering::SeqCst);
        for core in 0..parties {
            self.variables.took[core].store(0, Ordering::SeqCst);
            let packet = [case as u8, tracked.into(), parties as u8];
            let header = InHeader::default();
            self.inputs[core].append(KIND_PACKET, 0, &[header.as_bytes(), &packet]).expect("room");
            self.inputs[core].publish();
            self.bells.core(core).ring();
        }
        let took = |core: usize| self.variables.took[core].load(Ordering::SeqCst);
        wait_for("a packet", || (0..parties).all(|core| took(core) != 0));
        for logs in self.logs {
            // What the output logger and a checkpoint would allow.
            logs.det.trim(logs.det.tail());
        }
        let slowest = (0..parties).map(took).max().unwrap_or(0);
        slowest as f64 / (ACCESSES * parties as u64) as f64
    }
}

fn logs() -> CoreLogs {
    let log = |kind, capacity| Log::anonymous(LogSpec { kind, capacity, fingerprint: 0 }).expect("memory for logs");
    CoreLogs { input: log(LogKind::In, 1 << 20), det: log(LogKind::Det, 1 << 22), out: log(LogKind::Out, 1 << 22) }
}

/// One line of the table.
#[derive(Default)]
struct Row {
    case: usize,
    parties: usize,
    tracked: Vec<f64>,
    untracked: Vec<f64>,
    lock: Vec<f64>,
}

impl Row {
    fn ratio(&self) -> f64 {
        median(self.tracked.iter().zip(&self.untracked).map(|(tracked, untracked)| tracked / untracked).collect())
    }

    fn json(&self) -> serde_json::Value {
        let (tracked, untracked) = (median(self.tracked.clone()), median(self.untracked.clone()));
        let lock = (!self.lock.is_empty()).then(|| median(self.lock.clone()));
        serde_json::json!({
            "case": CASES[self.case], "cores": self.parties, "tracked_ns": tracked, "std_ns": untracked,
            "ratio": self.ratio(), "lock_alone_ns": lock,
        })
    }
}

fn main() {
    let arguments = Arguments::parse(25);
    let before = handoff();
    let instance = Instance::new(Variables::default(), CORES, None).expect("variables");
    let logs: Vec<CoreLogs> = (0..CORES).map(|_| logs()).collect();
    let bells = Ring(Words::anonymous(CORES + 1).expect("memory for bells"));
    // Never part of an instance, so its accesses take the lock and record nothing.
    let unrecorded = Variables::default();
    let many = if measure::cpus() < 2 { 1 } else { CORES };
    let mut rows: Vec<Row> = (1..=many)
        .flat_map(|parties| (0..CASES.len()).map(move |case| Row { case, parties, ..Row::default() }))
        .filter(|row| arguments.wants(CASES[row.case]))
        .collect();
    std::thread::scope(|scope| {
        for (index, logs) in logs.iter().enumerate() {
            let start = CoreStart { point: first_point(0, index), old: None };
            let worker = Worker::new(&instance, index, logs, &start, &bells, Polling::Adaptive).expect("fresh logs");
            // Core 0 works on CPU 1, away from this thread.
            let cpu = (index + 1) % many;
            scope.spawn(move || {
                pin(cpu);
                worker.run().expect("packets that do not fail");
            });
        }
        let inputs = logs.iter().map(|logs| logs.input.writer().expect("a fresh log")).collect();
        let mut driver = Driver { variables: instance.middlebox(), bells: &bells, inputs, logs: &logs };
        for round in 0..=arguments.rounds {
            for row in &mut rows {
                pin(0);
                let tracked = driver.time(row.case, true, row.parties);
                let untracked = driver.time(row.case, false, row.parties);
                let lock = (row.parties == 1).then(|| {
                    pin(many - 1);
                    unrecorded.tracked(row.case) as f64 / ACCESSES as f64
                });
                // The first round only warms up.
                if round > 0 || arguments.smoke {
                    row.tracked.push(tracked);
                    row.untracked.push(untracked);
                    row.lock.extend(lock);
                }
            }
        }
        instance.stop();
    });
    report(&arguments, &rows, Lines { before, after: handoff() });
}

fn report(arguments: &Arguments, rows: &[Row], lines: Lines) {
    println!(
        "{:14} {:>5} {:>12} {:>8} {:>7} {:>12}",
        "ns per access", "cores", "tracked", "std", "ratio", "lock alone"
    );
    for row in rows {
        let lock = if row.lock.is_empty() { "-".to_string() } else { format!("{:.1}", median(row.lock.clone())) };
        let (tracked, untracked) = (median(row.tracked.clone()), median(row.untracked.clone()));
        let name = CASES[row.case];
        println!("{name:14} {:>5} {tracked:>12.1} {untracked:>8.1} {:>7.2} {lock:>12}", row.parties, row.ratio());
    }
    println!("{lines}");
    if arguments.json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        println!("{}", serde_json::json!({ "bench": "determinant", "rows": rows, "handoff": lines.json() }));
    }
}
