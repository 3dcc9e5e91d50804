//! What the tests of whole groups share: the example programs as processes, their reports, their group records.
//!
//! Invariant: a test leaves nothing behind, whatever way it ends: it ends only processes that it has started or that the group
//! record of its own directory names, and removes that directory.

#![allow(dead_code, reason = "each test uses its share")]

use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ftmb_netio::group_record::{GroupRecord, Identity, Phase};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take on a machine that does other things as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// In the place of an example's name: the test's own executable.
pub(crate) const THIS: &str = "";

/// The executable of an example, as it is now: `cargo test` builds only the tests of examples that have some.
pub(crate) fn example(name: &str) -> PathBuf {
    if name == THIS {
        return std::env::current_exe().expect("a test has a path");
    }
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let examples = BUILT.get_or_init(|| {
        let test = std::env::current_exe().expect("a test has a path");
        let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
        let name = match profile.file_name().and_then(OsStr::to_str) {
            Some("debug") => "dev",
            Some(name) => name,
            None => panic!("{} is in no profile's directory", test.display()),
        };
        let target = profile.parent().expect("target/PROFILE");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--offline", "--examples"]);
        cargo.args(["--profile", name, "--target-dir"]).arg(target);
        assert!(cargo.status().expect("cargo runs").success(), "the examples do not compile");
        profile.join("examples")
    });
    examples.join(name)
}

/// A place for one group at a time: tests of one file that ran at once would only slow each other down.
pub(crate) struct Place {
    dir: TempDir,
    _alone: Option<MutexGuard<'static, ()>>,
}

fn private() -> TempDir {
    let mut private = tempfile::Builder::new();
    private.prefix("ftmb-test-").permissions(Permissions::from_mode(0o700));
    private.tempdir_in("/dev/shm").expect("/dev/shm can be written")
}

impl Place {
    /// `None`, and says why, where no group can be.
    pub(crate) fn find() -> Option<Place> {
        static ALONE: Mutex<()> = Mutex::new(());
        let shared = Path::new("/dev/shm");
        if !shared.is_dir() {
            eprintln!("skipped: there is no /dev/shm");
            return None;
        }
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Place { dir: private(), _alone: Some(alone) })
    }

    /// A place for one more group, beside this one.
    pub(crate) fn beside(&self) -> Place {
        Place { dir: private(), _alone: None }
    }

    /// Where groups live, and room for files.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The directory of this place's group.
    pub(crate) fn group(&self) -> PathBuf {
        self.path().join("group")
    }

    /// A command of an example that starts, or is about, the group of this place.
    pub(crate) fn command(&self, example: &str, command: &str) -> Command {
        let mut process = Command::new(self::example(example));
        process.arg(command).arg("--directory").arg(self.path()).args(["--instance", "group"]);
        process.stdin(Stdio::null()).env("FTMB_LOG", "error");
        process
    }

    /// Starts a group in the background.
    pub(crate) fn start<'a>(
        &self,
        example: &str,
        command: &str,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Running {
        let mut process = self.command(example, command);
        process.args(arguments);
        self.spawn(process)
    }

    /// Starts what [`Place::command`] made in the background. One at a time: they write into the same files.
    pub(crate) fn spawn(&self, mut process: Command) -> Running {
        let out = self.path().join("stdout");
        let err = self.path().join("stderr");
        let file = |path: &Path| std::fs::File::create(path).expect("can be written");
        process.stdout(file(&out)).stderr(file(&err));
        let child = process.spawn().expect("the example can be started");
        Running { child, out, err, dir: self.group() }
    }

    /// `up` for a group that goes on for minutes: a recording, frame by frame.
    pub(crate) fn up(&self) -> Command {
        let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/namespaces.pcap");
        let mut process = self.command("monitor", "up");
        process.args(["--port", &format!("left=pcap:{capture},pace=2")]);
        process.args(["--port", &format!("right=pcap::{}", self.path().join("out.pcap").display())]);
        process
    }

    /// Asks the middlebox of this place's group; `Err`: what the command complains of.
    pub(crate) fn ask(&self, example: &str, request: &[&str]) -> Result<String, String> {
        let finished: Finished = self.command(example, "control").args(request).output().expect("runs").into();
        match finished.code {
            Some(0) => Ok(finished.text),
            Some(1) => Err(finished.errors.trim().trim_start_matches("Error: ").into()),
            _ => panic!("{request:?}: {finished:?}"),
        }
    }

    /// The same of a group that may end meanwhile; `None`: it has.
    pub(crate) fn ask_until_end(&self, example: &str, request: &str) -> Option<Result<String, String>> {
        let answer = self.ask(example, &request.split(' ').collect::<Vec<_>>());
        // What is said depends on how far the end has come; whatever it is, the directory is gone soon.
        if answer.as_ref().is_err_and(|error| !error.starts_with("the middlebox refuses")) {
            let since = Instant::now();
            while self.group().exists() {
                assert!(since.elapsed() < PATIENCE, "{request}: {answer:?}");
                std::thread::sleep(Duration::from_millis(2));
            }
            return None;
        }
        Some(answer)
    }

    /// Runs `demo` to its end and returns its report.
    pub(crate) fn demo<'a>(&self, example: &str, arguments: impl IntoIterator<Item = &'a str>) -> Report {
        self.start(example, "demo", std::iter::once("--json").chain(arguments)).report()
    }
}

/// What `demo` found.
#[derive(Debug)]
pub(crate) struct Report {
    value: Value,
    output: Finished,
}

impl Report {
    /// A figure of the report.
    pub(crate) fn count(&self, key: &str) -> u64 {
        self.value[key].as_u64().unwrap_or_else(|| panic!("no number `{key}`: {self:?}"))
    }

    /// How often this was killed.
    pub(crate) fn kills_of(&self, what: &str) -> u64 {
        self.value["kills_by"][what].as_u64().unwrap_or_else(|| panic!("no kills of `{what}`: {self:?}"))
    }

    /// Nothing was lost, duplicated or contradicted, and so many kills took place.
    pub(crate) fn assert_exact(&self, kills: u64) -> &Report {
        for key in ["lost", "duplicated", "contradicted"] {
            assert_eq!(self.count(key), 0, "{key}: {self:?}");
        }
        assert_eq!(self.value["unfinished"], Value::Bool(false), "{self:?}");
        assert_eq!(self.output.code, Some(0), "{self:?}");
        assert_eq!(self.count("kills"), kills, "{self:?}");
        assert!(self.count("released") > 1000, "{self:?}");
        self
    }
}

/// A process that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// Its exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub text: String,
    /// Its standard error, and that of the group's other processes.
    pub errors: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Finished {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Finished { code: output.status.code(), text: text(output.stdout), errors: text(output.stderr) }
    }
}

/// A group that runs in the background; dropped, it is ended.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    dir: PathBuf,
}

impl Running {
    /// Its record, as soon as the group has started: active, and with somebody ready to take over.
    pub(crate) fn record(&mut self) -> GroupRecord {
        let mut record = None;
        self.until("the group to start", |running| {
            // Not what an earlier group has left there.
            let mine = |record: &GroupRecord| record.parent().is_some_and(|parent| parent.pid == running.child.id());
            record = GroupRecord::open_any(&running.dir.join("group")).ok().filter(mine);
            record.as_ref().is_some_and(is_ready)
        });
        record.expect("waited for")
    }

    /// Waits for something.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Running) -> bool) {
        let since = Instant::now();
        while !done(self) {
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("{status} while waiting for {what}: {:?}", self.read(status.code()));
            }
            assert!(since.elapsed() < PATIENCE, "waited in vain for {what}: {:?}", self.read(None));
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// As from a terminal.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// What it and the other processes of its group have written to standard error so far.
    pub(crate) fn errors(&self) -> String {
        self.read(None).errors
    }

    /// Waits until it ends.
    pub(crate) fn wait(&mut self) -> Finished {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(since.elapsed() < 2 * PATIENCE, "does not end: {:?}", self.read(None));
            std::thread::sleep(Duration::from_millis(2));
        };
        self.read(status.code())
    }

    /// Waits until `demo --json` ends, and returns its report.
    pub(crate) fn report(&mut self) -> Report {
        let output = self.wait();
        let last = output.text.lines().last().unwrap_or("");
        let value = serde_json::from_str(last);
        let value = value.unwrap_or_else(|error| panic!("no report ({error}): {output:?}"));
        Report { value, output }
    }

    /// Sends a signal to the parent of the group.
    pub(crate) fn signal(&self, signal: Signal) {
        // Not reaped yet, so the number is that of this process.
        kill_process(Pid::from_child(&self.child), signal).expect("a child can be signalled");
    }

    fn read(&self, code: Option<i32>) -> Finished {
        let text = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        Finished { code, text: text(&self.out), errors: text(&self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let since = Instant::now();
        if self.runs() {
            self.signal(Signal::TERM);
        }
        while self.runs() && since.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if self.runs() {
            // Without a parent the rest of the group ends by itself within a second or two.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The processes that a group record names and that are alive, without the parent.
pub(crate) fn processes(record: &GroupRecord) -> Vec<Identity> {
    let members = record.members().filter_map(|member| member.identity());
    members.chain(record.gateway()).filter(|process| Identity::of(process.pid) == Some(*process)).collect()
}

fn is_ready(record: &GroupRecord) -> bool {
    let master = record.current().map(|epoch| epoch.master);
    let ready = |phase| matches!(phase, Phase::Standby | Phase::Keeper);
    let second = record.members().any(|member| Some(member.slot()) != master && ready(member.phase()));
    record.is_active() && record.committed().is_some() && second
}

/// The process that the record names as master.
pub(crate) fn master(record: &GroupRecord) -> Option<Identity> {
    record.member(record.current()?.master).identity()
}

/// Kills a process that a group record names, if it is still the one that is meant.
pub(crate) fn kill(process: Identity) -> bool {
    let pid = Pid::from_raw(process.pid as i32).filter(|_| Identity::of(process.pid) == Some(process));
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// How often to do something: the variable says, else this often.
pub(crate) fn times(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
