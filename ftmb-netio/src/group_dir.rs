//! The directory of a group: where its files are and how big its logs may be. Invariant: only its user may enter it, and every
//! log is allocated in full before the group starts, the logs of the next epoch included.
//!
//! ```text
//! /dev/shm/ftmb-<uid>/<instance>/    group  config  in.<core>  det.<core>.<set>  out.<core>.<set>  ckpt  port.in  port.out
//!                                    control/   image  stage/<epoch>-<number>            (unless they live in a state directory)
//! ```

mod prospect;
mod root;
mod sizes;

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ftmb_runtime::log::{Log, LogKind, LogSpec};

use crate::error::{Error, io_error};
use crate::group_record::{GroupRecord, Identity};

pub use prospect::{Prospect, check_directory};
use root::private_dir;
pub use sizes::{LogSizes, MIN_DET, MIN_IN, MIN_OUT, SHARE};

/// All logs of a group.
#[derive(Clone, Debug)]
pub struct GroupLogs {
    /// Inputs, per core.
    pub input: Vec<Log>,
    /// Determinants, per core and set.
    pub det: Vec<[Log; 2]>,
    /// Outputs, per core and set.
    pub out: Vec<[Log; 2]>,
    /// Checkpoint deltas.
    pub ckpt: Log,
    /// Memory ports: from the parent, to the parent.
    pub ports: Option<[Log; 2]>,
}

impl GroupLogs {
    /// Logs of this process only, for tests and groups inside one process.
    ///
    /// ```
    /// use ftmb_netio::group_dir::{GroupLogs, LogSizes};
    /// let logs = GroupLogs::anonymous(2, LogSizes::smallest(), 7)?;
    /// assert_eq!((logs.input.len(), logs.det.len()), (2, 2));
    /// # Ok::<(), ftmb_netio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Log`].
    pub fn anonymous(cores: usize, sizes: LogSizes, fingerprint: u64) -> Result<GroupLogs, Error> {
        GroupLogs::make(cores, true, |kind, _| Log::anonymous(LogSpec { kind, capacity: sizes.of(kind), fingerprint }))
    }

    fn make(
        cores: usize,
        ports: bool,
        make: impl Fn(LogKind, String) -> Result<Log, ftmb_runtime::log::LogError>,
    ) -> Result<GroupLogs, Error> {
        let mut logs = GroupLogs {
            input: Vec::new(),
            det: Vec::new(),
            out: Vec::new(),
            ckpt: make(LogKind::Ckpt, "ckpt".into())?,
            ports: None,
        };
        for core in 0..cores {
            logs.input.push(make(LogKind::In, format!("in.{core}"))?);
            let det = |set| make(LogKind::Det, format!("det.{core}.{set}"));
            logs.det.push([det(0)?, det(1)?]);
            let out = |set| make(LogKind::Out, format!("out.{core}.{set}"));
            logs.out.push([out(0)?, out(1)?]);
        }
        if ports {
            logs.ports = Some([make(LogKind::Port, "port.in".into())?, make(LogKind::Port, "port.out".into())?]);
        }
        Ok(logs)
    }

    /// Number of cores.
    pub fn cores(&self) -> usize {
        self.input.len()
    }

    /// Empties the `det` and `out` logs of a set, for a new epoch. Nobody may have a writer or reader of them.
    pub fn reset_set(&self, set: usize) {
        for core in 0..self.cores() {
            self.det[core][set].reset();
            self.out[core][set].reset();
        }
    }
}

/// The directory of one group.
///
/// ```
/// use ftmb_netio::group_dir::{GroupDir, LogSizes};
/// let root = tempfile::tempdir()?;
/// let dir = GroupDir::create(&root.path().join("ftmb"), "nat")?;
/// dir.write_config(b"[group]\ncores = 1\n")?;
/// let logs = dir.create_logs(1, LogSizes::smallest(), 7, false)?;
/// assert_eq!(dir.open_logs(1, 7)?.input[0].capacity(), logs.input[0].capacity());
/// dir.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDir {
    path: PathBuf,
}

impl GroupDir {
    /// `/dev/shm/ftmb-<uid>`: where groups live unless told otherwise.
    pub fn default_root() -> PathBuf {
        format!("/dev/shm/ftmb-{}", rustix::process::getuid().as_raw()).into()
    }

    /// Creates the directory of a new group. What a group of the same name left behind is removed, unless it is still running.
    ///
    /// # Errors
    /// [`Error::InUse`] if it is running, [`Error::NotPrivate`] if the root belongs to somebody else or is open to others,
    /// [`Error::Io`].
    pub fn create(root: &Path, instance: &str) -> Result<GroupDir, Error> {
        private_dir(root)?;
        let dir = GroupDir { path: root.join(instance) };
        if dir.path.exists() {
            if let Some(pid) = dir.alive() {
                return Err(Error::InUse { path: dir.path, pid });
            }
            dir.remove()?;
        }
        private_dir(&dir.path)?;
        private_dir(&dir.control())?;
        Ok(dir)
    }

    /// The directory of a group that exists, or is believed to.
    pub fn at(path: impl Into<PathBuf>) -> GroupDir {
        GroupDir { path: path.into() }
    }

    /// A process of the group that is alive, if any.
    pub fn alive(&self) -> Option<u32> {
        let record = GroupRecord::open_any(&self.record_path()).ok()?;
        let members = record.members().filter_map(|member| member.identity());
        let all = record.parent().into_iter().chain(record.gateway()).chain(members);
        let mut alive = all.filter(|process| Identity::of(process.pid) == Some(*process));
        alive.next().map(|process| process.pid)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The group record.
    pub fn record_path(&self) -> PathBuf {
        self.path.join("group")
    }

    /// The directory of control requests and their answers.
    pub fn control(&self) -> PathBuf {
        self.path.join("control")
    }

    /// The configuration that every role builds from.
    pub fn config_path(&self) -> PathBuf {
        self.path.join("config")
    }

    /// The inputs of a core.
    pub fn in_log(&self, core: usize) -> PathBuf {
        self.path.join(format!("in.{core}"))
    }

    /// The determinants of a core in the epochs of a set.
    pub fn det_log(&self, core: usize, set: usize) -> PathBuf {
        self.path.join(format!("det.{core}.{set}"))
    }

    /// The outputs of a core in the epochs of a set.
    pub fn out_log(&self, core: usize, set: usize) -> PathBuf {
        self.path.join(format!("out.{core}.{set}"))
    }

    /// The checkpoint deltas.
    pub fn ckpt_log(&self) -> PathBuf {
        self.path.join("ckpt")
    }

    /// Frames of memory ports on their way in.
    pub fn port_in(&self) -> PathBuf {
        self.path.join("port.in")
    }

    /// Frames of memory ports on their way out.
    pub fn port_out(&self) -> PathBuf {
        self.path.join("port.out")
    }

    /// The checkpoint image, in `state_dir` or here.
    pub fn image(&self, state_dir: Option<&Path>) -> PathBuf {
        state_dir.unwrap_or(&self.path).join("image")
    }

    /// The directory of staged deltas, beside the image.
    pub fn stage(&self, state_dir: Option<&Path>) -> PathBuf {
        state_dir.unwrap_or(&self.path).join("stage")
    }

    /// Writes the configuration's bytes (mode 0600, whole or not at all).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_config(&self, bytes: &[u8]) -> Result<(), Error> {
        use std::io::Write;
        let (path, incomplete) = (self.config_path(), self.path.join("config.incomplete"));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&incomplete).map_err(io_error(&path, "create"))?;
        file.write_all(bytes).map_err(io_error(&path, "write"))?;
        fs::rename(&incomplete, &path).map_err(io_error(&path, "rename"))
    }

    /// The configuration's bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn config(&self) -> Result<Vec<u8>, Error> {
        let path = self.config_path();
        fs::read(&path).map_err(io_error(&path, "read"))
    }

    /// Bytes free on its file system, for this user.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn free(&self) -> Result<u64, Error> {
        let stat = rustix::fs::statvfs(&self.path).map_err(|errno| io_error(&self.path, "statvfs")(errno.into()))?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Log sizes that fit the free space: see [`LogSizes::fitting`].
    ///
    /// # Errors
    /// [`Error::NoSpace`], naming what is needed and what there is.
    pub fn choose_sizes(&self, cores: usize, ports: bool) -> Result<LogSizes, Error> {
        let free = self.free()?;
        LogSizes::fitting(free, cores, ports).ok_or_else(|| Error::NoSpace {
            path: self.path.clone(),
            cores,
            need: LogSizes::smallest().total(cores, ports),
            free,
            share: SHARE,
        })
    }

    /// Creates all logs of a group, both sets of `det` and `out` included, and with `ports` those of memory ports.
    ///
    /// # Errors
    /// [`Error::LogSize`] for sizes that cannot work, [`Error::Log`] (a full file system shows here).
    pub fn create_logs(
        &self,
        cores: usize,
        sizes: LogSizes,
        fingerprint: u64,
        ports: bool,
    ) -> Result<GroupLogs, Error> {
        sizes.check()?;
        GroupLogs::make(cores, ports, |kind, name| {
            Log::create(&self.path.join(name), LogSpec { kind, capacity: sizes.of(kind), fingerprint })
        })
    }

    /// Attaches to all logs of the group.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub fn open_logs(&self, cores: usize, fingerprint: u64) -> Result<GroupLogs, Error> {
        GroupLogs::make(cores, self.port_in().exists(), |kind, name| {
            Log::open(&self.path.join(name), kind, fingerprint)
        })
    }

    /// Removes the directory and everything in it. Nobody of the group may be alive.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove(&self) -> Result<(), Error> {
        fs::remove_dir_all(&self.path).map_err(io_error(&self.path, "remove"))
    }
}

#[cfg(test)]
mod tests;
