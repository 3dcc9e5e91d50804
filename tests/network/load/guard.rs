//! Runs a command so that nothing of it can outlive whoever asked for it.
//!
//! Invariant: the guard ends only when it has no descendants left. The kernel tells it when its starter dies, in whatever way, and
//! as a subreaper it inherits every orphan; it signals its own children only, which are unreaped, so no number means a stranger.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitOptions, kill_process, set_child_subreaper, set_parent_process_death_signal, wait,
};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};

/// The command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Who has started this; if it is gone already, nothing is run.
    #[arg(long)]
    parent: u32,
    /// Milliseconds that the command may take to end by itself when it is told to.
    #[arg(long, default_value_t = 10_000)]
    grace: u64,
    /// A directory to remove if the starter is gone at the end.
    #[arg(long)]
    remove: Option<PathBuf>,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, required = true)]
    command: Vec<String>,
}

/// Runs the command to its end, and passes its exit code on; a signal's number is added to 128.
pub(crate) fn run(options: &Options) -> io::Result<ExitCode> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    set_child_subreaper(Some(rustix::process::getpid()))?;
    let (mut children_died, child_died) = UnixStream::pair()?;
    let (mut orders, told) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGCHLD, child_died)?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, told.try_clone()?)?;
    }
    // After the signal is armed: nobody can die unnoticed from here on.
    if !is_child_of(options.parent) {
        return Ok(ExitCode::from(128));
    }
    let (program, arguments) = options.command.split_first().expect("clap has seen one");
    // A group of its own: what a terminal sends to the test is the test's business.
    let child = Command::new(program).args(arguments).process_group(0).spawn();
    let child = child.map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    let main = Pid::from_child(&child);

    let mut deadline = None;
    let status = loop {
        if let Some(status) = reap(main)? {
            break Some(status);
        }
        let left = deadline.map(|at: Instant| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            break None;
        }
        let timeout = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        let mut events = [PollFd::new(&children_died, PollFlags::IN), PollFd::new(&orders, PollFlags::IN)];
        match poll(&mut events, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [child_died, told] = events.map(|event| event.revents().contains(PollFlags::IN));
        if child_died {
            let _ = children_died.read(&mut [0; 64])?;
        }
        if told {
            let _ = orders.read(&mut [0; 64])?;
            // Not reaped yet, so the number is that of the command.
            let _ = kill_process(main, Signal::TERM);
            deadline.get_or_insert(Instant::now() + Duration::from_millis(options.grace));
        }
    };
    end_all()?;
    if let Some(directory) = options.remove.as_ref().filter(|_| !is_child_of(options.parent)) {
        let _ = std::fs::remove_dir_all(directory);
    }
    Ok(code(status))
}

fn is_child_of(parent: u32) -> bool {
    rustix::process::getppid().is_some_and(|pid| pid.as_raw_nonzero().get() as u32 == parent)
}

/// Reaps whoever has died; `Some` once the command itself has.
fn reap(main: Pid) -> io::Result<Option<ExitStatus>> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == main => return Ok(Some(ExitStatus::from_raw(status.as_raw()))),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(None),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills children until there are none: those of a child that dies become children of this process.
fn end_all() -> io::Result<()> {
    loop {
        for child in children()? {
            let _ = kill_process(child, Signal::KILL);
        }
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The processes whose parent this one is.
fn children() -> io::Result<Vec<Pid>> {
    let this = std::process::id();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // pid (name) state parent ...; the name may contain anything, brackets as well
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if parent == Some(this) {
            found.extend(Pid::from_raw(pid));
        }
    }
    Ok(found)
}

fn code(status: Option<ExitStatus>) -> ExitCode {
    let code = status.map_or(128 + 9, |status| status.code().unwrap_or(128 + status.signal().unwrap_or(0)));
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
