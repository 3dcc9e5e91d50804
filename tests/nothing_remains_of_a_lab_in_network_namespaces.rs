//! However a test ends, its namespaces, interfaces, processes and files are gone: after success, after a panic, after Ctrl-C, after
//! SIGKILL, and, at the next start, after SIGKILL to the guards as well.

mod network;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use network::kernel::{self, Kernel};
use network::leftovers::{self, Found};
use network::process::{PATIENCE, Process};
use network::{lab, load, possible};
use rustix::process::{Pid, Signal, kill_process};

/// How the lab in another process is to end.
const ENDING: &str = "FTMB_TEST_ENDING";

/// Not a test of its own: the lab that others bring to its end.
#[test]
#[ignore = "needs root: network namespaces"]
fn a_lab_with_everything_in_it() {
    let Ok(ending) = std::env::var(ENDING) else { return };
    let lab = kernel::lab(true);
    let _box = Kernel::Router.start(&lab);
    let _servers = load::serve(&lab, lab::SERVER);
    let _client = load::Client::start(&lab, "connections --rate 50 --long-lived 5");
    // One who leaves the session and loses his parent, and one who does not want to end.
    let line = "setsid sleep 1000 & trap '' TERM; echo stubborn; while :; do sleep 1000; done";
    let grace = Duration::from_millis(300);
    let mut stubborn = Process::start_with_grace(&lab.client, lab.directory(), grace, ["sh", "-c", line]);
    stubborn.until("the trap", |stubborn| stubborn.text().contains("stubborn"));
    let inodes = [&lab.client, &lab.middle, &lab.server].map(|namespace| namespace.inode().to_string());
    println!("\nup: {} {}", leftovers::owner(), inodes.join(" "));
    match ending.as_str() {
        "success" => {}
        "panic" => panic!("on purpose"),
        _ => std::thread::sleep(PATIENCE),
    }
}

/// What can be seen of a lab from outside.
#[derive(Debug)]
struct Traces {
    owner: String,
    namespaces: BTreeSet<String>,
    before: [String; 2],
}

/// What the host shows of its own: interfaces and named namespaces.
fn host() -> [String; 2] {
    let names = |directory: &str| {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<BTreeSet<_>>()
    };
    ["/sys/class/net", "/run/netns"].map(|directory| format!("{:?}", names(directory)))
}

impl Traces {
    /// Those that hold one of the lab's namespaces: as processes in it, as threads in it, or by a descriptor.
    fn holders(&self) -> Vec<String> {
        let mut holders = Vec::new();
        let mut look = |link: std::path::PathBuf| {
            let target = std::fs::read_link(&link).unwrap_or_default();
            if self.namespaces.contains(target.to_string_lossy().trim_start_matches("net:[").trim_end_matches(']')) {
                holders.push(link.display().to_string());
            }
        };
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            for kind in ["task", "fd"] {
                for entry in std::fs::read_dir(process.path().join(kind)).into_iter().flatten().flatten() {
                    look(if kind == "task" { entry.path().join("ns/net") } else { entry.path() });
                }
            }
        }
        holders
    }

    fn found(&self) -> Found {
        Found::of(|mark| mark == self.owner)
    }

    fn assert_there(&self) {
        assert!(!self.holders().is_empty());
        let found = self.found();
        assert!(found.processes.len() >= 6, "{found:?}");
        assert_eq!(found.directories.len(), 1, "{found:?}");
    }

    /// Waits until nothing is left.
    fn assert_gone(&self) {
        let since = Instant::now();
        loop {
            let (found, holders, host) = (self.found(), self.holders(), host());
            if found.is_empty() && holders.is_empty() && host == self.before {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{found:?}, {holders:?}, {host:?} after {:?}", self.before);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Starts the lab in another process, and waits until it stands.
fn start(ending: &str) -> (Child, Traces) {
    let before = host();
    // As from a terminal: a shell's background job, for one, ignores SIGINT, and so would whatever it starts.
    let mut test = Command::new("env");
    test.arg("--default-signal").arg(std::env::current_exe().expect("a test has a path"));
    test.args(["--ignored", "--exact", "--nocapture", "a_lab_with_everything_in_it"]).env(ENDING, ending);
    let mut test = test.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the test can be started");
    let mut lines = BufReader::new(test.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let up = lines.find_map(|line| line.strip_prefix("up: ").map(str::to_owned)).expect("the lab stands");
    let mut words = up.split(' ').map(str::to_owned);
    let traces = Traces { owner: words.next().expect("the mark"), namespaces: words.collect(), before };
    // What it prints from here on is of no interest, but must find somebody to read it.
    std::thread::spawn(move || lines.for_each(drop));
    (test, traces)
}

fn ends(ending: &str, signal: Option<Signal>) {
    if !possible(&[]) {
        return;
    }
    let (mut test, traces) = start(ending);
    if let Some(signal) = signal {
        traces.assert_there();
        kill_process(Pid::from_child(&test), signal).expect("a child can be signalled");
    }
    let status = test.wait().expect("a child");
    match signal {
        Some(signal) => assert_eq!(status.signal(), Some(signal.as_raw())),
        None => assert_eq!(status.success(), ending == "success", "{status}"),
    }
    traces.assert_gone();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn after_success() {
    ends("success", None);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn after_a_panic() {
    ends("panic", None);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn after_ctrl_c() {
    ends("signal", Some(Signal::INT));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn after_sigterm() {
    ends("signal", Some(Signal::TERM));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn after_sigkill() {
    ends("signal", Some(Signal::KILL));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn at_the_next_start_after_sigkill_to_guards_and_test() {
    if !possible(&[]) {
        return;
    }
    let (mut test, traces) = start("signal");
    traces.assert_there();
    // Stopped first, so that nobody can react to the death of another.
    let guards: Vec<Pid> = traces.found().processes.into_iter().filter_map(guard).collect();
    assert!(guards.len() >= 3, "{guards:?}");
    for signal in [Signal::STOP, Signal::KILL] {
        for &guard in &guards {
            kill_process(guard, signal).expect("a guard lives as long as its child");
        }
    }
    kill_process(Pid::from_child(&test), Signal::KILL).expect("a child can be signalled");
    test.wait().expect("a child");
    assert!(!traces.found().is_empty(), "somebody has cleaned up already");
    leftovers::remove();
    traces.assert_gone();
}

fn guard(pid: u32) -> Option<Pid> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|&byte| byte == 0).nth(1).filter(|word| *word == b"guard").and(Pid::from_raw(pid as i32))
}
