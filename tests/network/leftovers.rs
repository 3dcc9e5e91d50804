//! What tests that were killed together with their guards have left behind.
//!
//! Invariant: only what carries the mark of these tests and whose owner is dead is touched.

use std::path::{Path, PathBuf};

use ftmb_netio::group_record::Identity;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The variable that says whose process this is.
pub(crate) const OWNER: &str = "FTMB_NETWORK_TEST";
/// How names of directories begin.
pub(crate) const PREFIX: &str = "ftmb-network-";
/// Where the directories are.
pub(crate) const PLACE: &str = "/dev/shm";

/// The mark of what belongs to this process.
pub(crate) fn owner() -> String {
    let this = Identity::of(std::process::id()).expect("this process lives");
    format!("{}-{}", this.pid, this.start)
}

/// What is there, of this process or of one that is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Processes that carry a mark.
    pub(crate) processes: Vec<u32>,
    /// Directories.
    pub(crate) directories: Vec<PathBuf>,
}

impl Found {
    /// What carries a mark for which this holds.
    pub(crate) fn of(mut belongs: impl FnMut(&str) -> bool) -> Found {
        let mut found = Found::default();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let variables = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let mark = variables.split(|&byte| byte == 0).find_map(|variable| {
                std::str::from_utf8(variable).ok()?.strip_prefix(OWNER)?.strip_prefix('=').map(str::to_owned)
            });
            if mark.is_some_and(|mark| belongs(&mark)) {
                found.processes.push(pid);
            }
        }
        for entry in std::fs::read_dir(PLACE).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
            if belongs(&rest.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")) {
                found.directories.push(entry.path());
            }
        }
        found
    }

    /// Nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.processes.is_empty() && self.directories.is_empty()
    }
}

/// Whether somebody who left a mark has died.
pub(crate) fn is_dead(mark: &str) -> bool {
    let mut numbers = mark.split('-').map(str::parse::<u32>);
    let (Some(Ok(pid)), Some(Ok(start))) = (numbers.next(), numbers.next()) else { return false };
    Identity::of(pid).is_none_or(|identity| identity.start != start)
}

/// Ends and removes what has lost its owner, and says so.
pub(crate) fn remove() {
    let found = Found::of(is_dead);
    for &pid in &found.processes {
        let Some(process) = Pid::from_raw(pid as i32) else { continue };
        let Ok(process) = pidfd_open(process, PidfdFlags::empty()) else { continue };
        // The number may have passed to somebody else before it was opened.
        if Found::of(is_dead).processes.contains(&pid) {
            eprintln!("left over by a test that was killed: process {pid}, which is killed now");
            let _ = pidfd_send_signal(&process, Signal::KILL);
        }
    }
    for directory in &found.directories {
        eprintln!("left over by a test that was killed: {}, which is removed now", directory.display());
        let _ = std::fs::remove_dir_all(directory);
    }
}

/// A new directory that belongs to this process.
pub(crate) fn directory() -> tempfile::TempDir {
    remove();
    let place = if Path::new(PLACE).is_dir() { PathBuf::from(PLACE) } else { std::env::temp_dir() };
    let mut builder = tempfile::Builder::new();
    let prefix = format!("{PREFIX}{}-", owner());
    builder.prefix(&prefix).permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(place).expect("a directory can be made")
}
