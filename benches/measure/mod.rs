//! How the benchmarks measure on a small machine with noisy neighbours.
//!
//! Invariant: what is compared is measured in alternation within one run, and a run says what a cache line's way between two
//! CPUs cost before and after it, because that cost has two modes, switched by the host, and changes every two-core figure.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the command line of a benchmark says.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// One JSON object as the last line.
    pub(crate) json: bool,
    /// Times that everything is measured.
    pub(crate) rounds: usize,
    /// Only cases whose name contains this.
    pub(crate) only: Option<String>,
    /// Flows of the traffic, for benchmarks that have traffic.
    pub(crate) flows: Option<u32>,
    /// Packets of this size only, for benchmarks that have packets.
    pub(crate) bytes: Option<usize>,
    /// Length of a measurement, for benchmarks that take time.
    pub(crate) seconds: Option<u64>,
    /// Run by `cargo test`: show that it works, measure nothing.
    pub(crate) smoke: bool,
}

impl Arguments {
    /// Reads the arguments; anything that is not understood ends the process with a usage line. `--bench` is what cargo passes.
    pub(crate) fn parse(rounds: usize) -> Arguments {
        let mut arguments =
            Arguments { json: false, rounds, only: None, flows: None, bytes: None, seconds: None, smoke: true };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bench" => arguments.smoke = false,
                "--json" => arguments.json = true,
                "--rounds" => match words.next().and_then(|number| number.parse().ok()) {
                    Some(rounds) if rounds > 0 => arguments.rounds = rounds,
                    _ => usage(&word),
                },
                "--flows" => match words.next().and_then(|number| number.parse().ok()) {
                    flows @ Some(1000..=100_000) => arguments.flows = flows,
                    _ => usage(&word),
                },
                "--bytes" => match words.next().and_then(|number| number.parse().ok()) {
                    bytes @ Some(64..=1500) => arguments.bytes = bytes,
                    _ => usage(&word),
                },
                "--seconds" => match words.next().and_then(|number| number.parse().ok()) {
                    seconds @ Some(1..=3600) => arguments.seconds = seconds,
                    _ => usage(&word),
                },
                "--only" => arguments.only = Some(words.next().unwrap_or_else(|| usage(&word))),
                _ => usage(&word),
            }
        }
        if arguments.smoke {
            arguments.rounds = 1;
        }
        arguments
    }

    /// Whether a case is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

fn usage(word: &str) -> ! {
    eprintln!(
        "`{word}`: expected --json, --rounds NUMBER, --flows 1000..=100000, --bytes 64..=1500, --seconds 1..=3600 or \
         --only PART-OF-A-NAME"
    );
    std::process::exit(2)
}

/// Binds this thread to a CPU; without permission (or such a CPU) it stays where it is.
pub(crate) fn pin(cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    let _ = rustix::thread::sched_setaffinity(None, &set);
}

/// How many CPUs this process may use. First to be called before any thread is bound to one.
pub(crate) fn cpus() -> usize {
    static CPUS: OnceLock<usize> = OnceLock::new();
    *CPUS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The middle of the values; of an even number the upper one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// ns that a cache line needs from CPU 0 to CPU 1 or back; `None` with a single CPU.
pub(crate) fn handoff() -> Option<f64> {
    #[repr(align(128))]
    struct Line(AtomicU64);
    const TURNS: u64 = 20_000;
    if cpus() < 2 {
        return None;
    }
    let line = Line(AtomicU64::new(0));
    let play = |cpu: usize| {
        pin(cpu);
        let parity = cpu as u64;
        for turn in 0..TURNS {
            let mut spins = 0_u32;
            // Acquire and Release pair with each other across the two players.
            while line.0.load(Ordering::Acquire) != 2 * turn + parity {
                spins += 1;
                // The other one may have been put to sleep by the host or a neighbour.
                if spins.is_multiple_of(1 << 16) { std::thread::yield_now() } else { std::hint::spin_loop() }
            }
            line.0.store(2 * turn + parity + 1, Ordering::Release);
        }
    };
    let best = |_| {
        line.0.store(0, Ordering::SeqCst);
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| play(1));
            scope.spawn(|| play(0));
        });
        start.elapsed().as_nanos() as f64 / (2 * TURNS) as f64
    };
    // The best of a few: a preempted player says nothing about the line.
    (0..5).map(best).min_by(f64::total_cmp)
}

/// What the probe found before and after a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    /// ns a line needs before the run.
    pub(crate) before: Option<f64>,
    /// And after it.
    pub(crate) after: Option<f64>,
}

impl Lines {
    /// `near`, `far`, `flipped` while it ran, or `one cpu`.
    pub(crate) fn mode(&self) -> &'static str {
        match (self.before, self.after) {
            (Some(before), Some(after)) if (before < FAR) != (after < FAR) => "flipped",
            (Some(before), Some(_)) if before < FAR => "near",
            (Some(_), Some(_)) => "far",
            _ => "one cpu",
        }
    }

    /// For the JSON object.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "before_ns": self.before, "after_ns": self.after, "mode": self.mode() })
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (before, after) = (self.before.unwrap_or(f64::NAN), self.after.unwrap_or(f64::NAN));
        write!(f, "line handoff {before:.0} ns before, {after:.0} ns after: {}", self.mode())
    }
}

/// Between the two modes: 55 to 60 ns, and 210 to 250 ns.
const FAR: f64 = 120.0;

/// Sleeps in small steps until `done`, or panics after ten seconds: a benchmark that hangs says nothing.
#[allow(dead_code, reason = "not every benchmark waits")]
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited for {what} for ten seconds");
        std::thread::sleep(Duration::from_micros(200));
    }
}
