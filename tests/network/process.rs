//! Processes in namespaces, and what they say.
//!
//! Invariant: whoever is started here is a guard's child: it ends, with all its descendants, when it is dropped or when the test
//! ends in whatever way.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Namespace, leftovers, load};

/// How long anything may take on a machine that does other things as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something.
///
/// # Panics
///
/// If it does not happen for [`PATIENCE`].
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process in the background.
#[derive(Debug)]
pub(crate) struct Process {
    what: String,
    guard: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    /// Starts a command; what it says goes to files in `directory`, which its guard removes should this process be gone before.
    pub(crate) fn start<S: AsRef<OsStr>>(
        namespace: &Namespace,
        directory: &Path,
        command: impl IntoIterator<Item = S>,
    ) -> Process {
        Process::start_with_grace(namespace, directory, Duration::from_secs(10), command)
    }

    /// The same for a command that gets this long to end when it is told to, before it is killed.
    pub(crate) fn start_with_grace<S: AsRef<OsStr>>(
        namespace: &Namespace,
        directory: &Path,
        grace: Duration,
        command: impl IntoIterator<Item = S>,
    ) -> Process {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let command: Vec<_> = command.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let what = Path::new(&command[0]).file_name().unwrap_or(&command[0]).to_string_lossy().into_owned();
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = |kind: &str| directory.join(format!("{number}-{what}.{kind}"));
        let (out, err) = (file("out"), file("err"));
        let create = |path: &Path| File::create(path).expect("the test's directory can be written");

        let mut guard = Command::new(load::executable());
        guard.arg("guard").arg("--parent").arg(std::process::id().to_string()).arg("--remove").arg(directory);
        guard.arg("--grace").arg(grace.as_millis().to_string());
        guard.arg("--").args(&command).env(leftovers::OWNER, leftovers::owner());
        guard.stdin(Stdio::null()).stdout(create(&out)).stderr(create(&err));
        // What a terminal sends to the test, the test passes on by ending.
        std::os::unix::process::CommandExt::process_group(&mut guard, 0);
        let guard = namespace.spawn(guard).expect("the guard can be started");
        Process { what, guard, out, err }
    }

    /// What it has said so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.out).unwrap_or_default()).into_owned()
    }

    /// What it has complained of so far.
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.err).unwrap_or_default()).into_owned()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.guard.try_wait().expect("a child").is_none()
    }

    /// Waits for something.
    ///
    /// # Panics
    ///
    /// If the process ends meanwhile, or nothing happens for [`PATIENCE`].
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Process) -> bool) {
        let since = Instant::now();
        while !done(self) {
            assert!(self.runs(), "{} ended while waiting for {what}: {}", self.what, self.said());
            assert!(since.elapsed() < PATIENCE, "{}: waited in vain for {what}: {}", self.what, self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Tells it to end (SIGTERM) and waits until it has; returns what it said.
    pub(crate) fn stop(mut self) -> String {
        self.tell_to_end();
        self.wait().1
    }

    /// Waits until it ends.
    ///
    /// # Panics
    ///
    /// If that takes longer than `patience` or if it fails.
    pub(crate) fn finish(mut self, patience: Duration) -> String {
        let since = Instant::now();
        while self.runs() {
            assert!(since.elapsed() < patience, "{} does not end: {}", self.what, self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
        let (status, text) = self.wait();
        assert!(status.success(), "{}: {status}: {}", self.what, self.said());
        text
    }

    /// Tells it to end, and does not wait.
    pub(crate) fn tell_to_end(&mut self) {
        if self.runs() {
            // Not reaped yet, so the number is that of the guard.
            let _ = kill_process(Pid::from_child(&self.guard), Signal::TERM);
        }
    }

    fn wait(&mut self) -> (ExitStatus, String) {
        let status = self.guard.wait().expect("a child");
        (status, self.text())
    }

    fn said(&self) -> String {
        format!("{:?}, {:?}", self.text(), self.errors())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.tell_to_end();
        // The guard gives the command some seconds, and then ends with it.
        let _ = self.guard.wait();
    }
}
