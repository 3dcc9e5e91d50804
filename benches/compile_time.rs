//! What the attributes cost the compiler: `cargo check` of an annotated module of 1,000 lines against the same lines without.
//!
//! Work: all are crates of their own below the target directory, whose dependencies are built beforehand. Each round changes all and
//! checks one after the other; figures are medians, and contain what cargo itself needs (the last line: a crate of one line that
//! uses `ftmb`). The module is annotated item by item, or once as a whole (`instrument`).
//! The plain one takes `&mut self` where the annotated one assigns plain fields by `&self`; else they are the same text.
//!
//! ```sh
//! cargo bench --bench compile_time                     # a table
//! cargo bench --bench compile_time -- --json --rounds 21
//! ```

// The other benchmarks need more of it.
#[allow(dead_code)]
mod measure;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use measure::{Arguments, median};

/// Lines of the module.
const LINES: usize = 1000;

/// One method of those that the module is filled with: reads, assignments, locks, maps, macros and calls.
const METHOD: &str = "
    fn step_N(&self, flow: u64, size: u64) -> Option<u64> {
        self.packets += 1;
        self.bytes = self.bytes.wrapping_add(size);
        let port = {
            let mut flows = self.flows.write().unwrap();
            let entry = flows.entry(flow).or_insert(0);
            *entry += size;
            *entry % 1024
        };
        match self.mode {
            Mode::Idle if self.packets > N => self.mode = Mode::Busy(self.packets),
            Mode::Idle => {}
            Mode::Busy(since) => assert!(since <= self.packets, \"{} of {}\", since, self.packets),
        }
        if self.names.len() > 16 {
            self.names.clear();
        }
        self.names.push(format!(\"{}-{}\", self.packets, port));
        let total: usize = self.names.iter().map(|name| name.len()).sum();
        self.hits.fetch_add(total as u64, Relaxed);
        *self.shards[port as usize % 4].lock().unwrap() ^= flow;
        let spent = *self.spent.lock().unwrap();
        self.recent[port as usize % 8] = spent;
        let last = self.last.take()?;
        self.last = Some(last ^ self.recent[0]);
        Some(port + last)
    }
";

const FIELDS: &str = "
    packets: u64, bytes: u64, mode: Mode, names: Vec<String>, recent: [u64; 8], last: Option<u64>,
    flows: RwLock<HashMap<u64, u64>>, shards: Vec<Mutex<u64>>, spent: Mutex<u64>, hits: AtomicU64,
";

const USES: &str = "use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, RwLock};
";

/// How the module is protected.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Not at all.
    Plain,
    /// An attribute on each item.
    Annotated,
    /// One on the module.
    Instrumented,
}

fn module(form: Form) -> String {
    let methods = LINES / METHOD.trim().lines().count();
    let methods: String = (0..methods).map(|number| METHOD.replace('N', &number.to_string())).collect();
    // Without the attributes only `&mut self` may assign; `N` is a digit in the method's name.
    let methods = if form == Form::Plain { methods.replace("(&self", "(&mut self") } else { methods };
    let [state, shared, middlebox] = match form {
        Form::Annotated => ["#[ftmb::state] ", "#[ftmb::shared] ", "#[ftmb::middlebox] "],
        Form::Plain | Form::Instrumented => [""; 3],
    };
    let items = format!(
        "{state}#[derive(Clone, Copy)] enum Mode {{ Idle, Busy(u64) }}\n\
         {shared}struct Module {{ {FIELDS} }}\n{middlebox}impl Module {{ {methods} }}\n"
    );
    match form {
        Form::Instrumented => format!("#![allow(dead_code)]\n#[ftmb::instrument] mod module {{ {USES}{items} }}\n"),
        _ => format!("#![allow(dead_code)]\n{USES}{items}"),
    }
}

/// A crate below the target directory.
struct Case {
    name: &'static str,
    source: String,
    place: PathBuf,
}

impl Case {
    fn new(name: &'static str, source: String, dependency: &str) -> Case {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_time").join(name);
        std::fs::create_dir_all(place.join("src")).expect("a directory below the target directory");
        let manifest = format!(
            "[package]\nname = \"compile-time-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependency}\n[workspace]\n"
        );
        std::fs::write(place.join("Cargo.toml"), manifest).expect("a file below the target directory");
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
        std::fs::copy(lock, place.join("Cargo.lock")).expect("the workspace has a lock file");
        Case { name, source, place }
    }

    /// Seconds for one check after a change.
    fn check(&self, round: usize) -> f64 {
        std::fs::write(self.place.join("src/lib.rs"), format!("{}// {round}\n", self.source)).expect("as above");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("below the target directory");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["check", "--offline", "--quiet", "--target-dir"]).arg(target).current_dir(&self.place);
        let begun = Instant::now();
        let output = cargo.output().expect("cargo runs");
        let took = begun.elapsed().as_secs_f64();
        assert!(output.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        took
    }
}

fn main() {
    let arguments = Arguments::parse(7);
    let ftmb = format!("ftmb = {{ path = {:?} }}\n", env!("CARGO_MANIFEST_DIR"));
    let empty = "pub use ftmb::packet::PortId;\n".to_owned();
    let cases = [
        Case::new("annotated", module(Form::Annotated), &ftmb),
        Case::new("instrumented", module(Form::Instrumented), &ftmb),
        Case::new("plain", module(Form::Plain), ""),
        Case::new("empty", empty, &ftmb),
    ];
    // The first check builds dependencies.
    cases.iter().for_each(|case| _ = case.check(0));
    let mut took = [const { Vec::new() }; 4];
    for round in 1..=arguments.rounds {
        for (case, took) in cases.iter().zip(&mut took) {
            took.push(1e3 * case.check(round));
        }
    }
    let [annotated, instrumented, plain, empty] = took.map(median);
    println!("cargo check of {LINES} lines, ms, median of {}:", arguments.rounds);
    for (name, took) in
        [("annotated", annotated), ("instrumented", instrumented), ("plain", plain), ("one line", empty)]
    {
        println!("  {name:12} {took:8.0}  {:5.2} of plain", took / plain);
    }
    if arguments.json {
        let object = serde_json::json!({
            "lines": LINES, "rounds": arguments.rounds, "annotated_ms": annotated, "instrumented_ms": instrumented, "plain_ms": plain,
            "one_line_ms": empty,
        });
        println!("{object}");
    }
}
