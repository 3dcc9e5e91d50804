//! What a group would find where it is to live. Invariant: it only looks; what it says was true when it looked.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::root::check_private;
use super::{GroupDir, LogSizes, SHARE};
use crate::error::{Error, io_error};
use crate::group_record::{GroupRecord, Identity};

/// The place for a group that has not been started.
///
/// ```
/// use ftmb_netio::group_dir::{LogSizes, Prospect};
/// let place = tempfile::tempdir()?;
/// let root = place.path().join("groups");
/// let prospect = Prospect::of(&root, "nat")?;
/// assert_eq!((prospect.running, prospect.stale), (None, false));
/// let sizes = prospect.sizes(1, false, |chosen| chosen)?;
/// assert!(sizes.total(1, false) <= prospect.free);
/// assert!(Prospect::of(&root.join("below"), "nat").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// The directory of the group.
    pub path: PathBuf,
    /// The parent process of a group of this name that is running.
    pub running: Option<u32>,
    /// A group of this name has left something behind.
    pub stale: bool,
    /// Bytes free on the file system, what a group of this name takes now included, since it ends first.
    pub free: u64,
}

impl Prospect {
    /// Looks at the place of group `instance` below `root`.
    ///
    /// # Errors
    /// [`Error::NotPrivate`] if the root belongs to somebody else or is open to others, [`Error::Io`] if it cannot be looked at,
    /// made, or written to.
    pub fn of(root: &Path, instance: &str) -> Result<Prospect, Error> {
        if root.exists() {
            check_private(root)?;
        }
        let exists = nearest(root)?;
        // It is made if it is not there, but nothing above it.
        if let Some(above) = root.parent().filter(|above| !above.as_os_str().is_empty() && !above.exists()) {
            return Err(io_error(above, "stat")(std::io::ErrorKind::NotFound.into()));
        }
        writable(exists)?;
        let path = root.join(instance);
        let taken = path.exists();
        let parent = GroupRecord::open_any(&GroupDir::at(&path).record_path()).ok().and_then(|record| record.parent());
        let running = parent.filter(|parent| Identity::of(parent.pid) == Some(*parent)).map(|parent| parent.pid);
        let free = GroupDir::at(exists).free()? + if taken { size(&path) } else { 0 };
        Ok(Prospect { stale: taken && running.is_none(), running, free, path })
    }

    /// The sizes that logs would have; `asked` replaces those that somebody asked for.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if there is no room for them, [`Error::LogSize`] if they cannot work.
    pub fn sizes(&self, cores: usize, ports: bool, asked: impl Fn(LogSizes) -> LogSizes) -> Result<LogSizes, Error> {
        let no_space = |need| Error::NoSpace { path: self.path.clone(), cores, need, free: self.free, share: SHARE };
        let least = LogSizes::smallest();
        let chosen = LogSizes::fitting(self.free, cores, ports).ok_or_else(|| no_space(least.total(cores, ports)))?;
        let sizes = asked(chosen);
        sizes.check()?;
        if sizes.total(cores, ports) > self.free {
            return Err(no_space(sizes.total(cores, ports)));
        }
        Ok(sizes)
    }
}

/// Whether a directory is there, or can be made, and can be written to.
///
/// ```
/// use ftmb_netio::group_dir::check_directory;
/// let root = tempfile::tempdir()?;
/// check_directory(&root.path().join("not/yet"))?;
/// std::fs::write(root.path().join("file"), "")?;
/// assert!(check_directory(&root.path().join("file/below")).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] naming the nearest directory that exists.
pub fn check_directory(path: &Path) -> Result<(), Error> {
    writable(nearest(path)?)
}

/// The path, or the nearest one above that exists.
fn nearest(path: &Path) -> Result<&Path, Error> {
    // A relative path is below the current directory.
    let mut all = path.ancestors().map(|at| if at.as_os_str().is_empty() { Path::new(".") } else { at });
    let exists = all.find(|at| at.symlink_metadata().is_ok());
    exists.ok_or_else(|| io_error(path, "stat")(std::io::ErrorKind::NotFound.into()))
}

fn writable(path: &Path) -> Result<(), Error> {
    if !path.metadata().map_err(io_error(path, "stat"))?.is_dir() {
        return Err(io_error(path, "write into the directory")(std::io::ErrorKind::NotADirectory.into()));
    }
    accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(|errno| io_error(path, "write into the directory")(errno.into()))
}

/// Bytes that the files of a directory take.
fn size(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(|entry| entry.ok());
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(|meta| meta.is_file())
        .map(|meta| meta.blocks() * 512)
        .sum()
}
