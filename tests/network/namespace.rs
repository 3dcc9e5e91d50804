//! A network namespace that lives as long as the value that stands for it.
//!
//! Invariant: no file names it. It is held by this process, by a thread in it and a descriptor, and by processes started in it,
//! none of which outlives this one.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: &'static str,
    file: Arc<File>,
    /// Children are started by one thread that lives as long as the namespace: the kernel tells a child of the death of the thread
    /// that started it, not of its process.
    jobs: Option<Sender<Job>>,
    starter: Option<JoinHandle<()>>,
}

impl Namespace {
    /// A new one, with nothing in it but the loopback interface, which is up. The name is for messages.
    pub(crate) fn new(name: &'static str) -> Namespace {
        // A process is needed to make one without `unsafe`; it ends when its standard input does.
        let mut maker = Command::new("unshare");
        maker.args(["--net", "sh", "-c", "ip link set lo up && echo && read -r end"]);
        let mut maker = maker.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare can be started");
        let mut ready = [0];
        let told = maker.stdout.take().expect("piped").read_exact(&mut ready);
        told.expect("unshare makes a network namespace");
        let file = File::open(format!("/proc/{}/ns/net", maker.id())).expect("a child's namespace can be opened");
        drop(maker.stdin.take());
        maker.wait().expect("a child");

        let file = Arc::new(file);
        let (jobs, inbox) = channel::<Job>();
        let entered = file.clone();
        let starter = std::thread::Builder::new().name(name.into()).spawn(move || {
            enter(&entered);
            inbox.iter().for_each(|job| job());
        });
        Namespace { name, file, jobs: Some(jobs), starter: Some(starter.expect("a thread can be started")) }
    }

    /// What it was called.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// A path under which other programs find it, as long as it is there.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// The number that the kernel knows it by.
    pub(crate) fn inode(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        self.file.metadata().expect("an open file has metadata").ino()
    }

    /// Does something inside, on a thread made for it: sockets opened there belong to the namespace for good.
    pub(crate) fn run<T: Send>(&self, job: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                enter(&self.file);
                job()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts a process inside; it is told by the kernel when the namespace is dropped, if it has asked for that.
    pub(crate) fn spawn(&self, mut command: Command) -> std::io::Result<Child> {
        let (answer, answered) = channel();
        let job = Box::new(move || answer.send(command.spawn()).expect("somebody waits"));
        self.jobs.as_ref().expect("until dropped").send(job).expect("the thread lives");
        answered.recv().expect("the thread answers")
    }

    /// Runs a command inside to its end.
    ///
    /// # Panics
    ///
    /// If it fails, with what it said.
    pub(crate) fn sh(&self, line: &str) -> String {
        let output = self.try_sh(line);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: `{line}`: {}: {errors}", self.name, output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same, for commands that may fail.
    pub(crate) fn try_sh(&self, line: &str) -> Output {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).stdin(Stdio::null());
        self.run(|| shell.output()).expect("sh can be started")
    }

    /// Sets a kernel parameter of the namespace, such as `net/ipv4/ip_forward`.
    pub(crate) fn set(&self, parameter: &str, value: &str) {
        let path = format!("/proc/sys/{parameter}");
        let result = self.run(|| std::fs::write(&path, value));
        result.unwrap_or_else(|error| panic!("{}: {path} = {value}: {error}", self.name));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // It ends by itself now; if it has panicked, whoever waited for it has said so.
        let _ = self.starter.take().map(JoinHandle::join);
    }
}

fn enter(namespace: &File) {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root enters its namespace");
}
