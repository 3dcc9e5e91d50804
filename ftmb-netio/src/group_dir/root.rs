//! The directory below which groups live. Invariant: it is this user's alone; while somebody holds its lock, nobody else starts a
//! group below it or removes it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::GroupDir;
use crate::error::{Error, io_error};

/// How long somebody who starts a group is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl GroupDir {
    /// Keeps others from starting a group below `root` until the file is dropped: taken before a directory is looked at, and
    /// given back when the record in it names the parent.
    ///
    /// ```
    /// use ftmb_netio::group_dir::GroupDir;
    /// let place = tempfile::tempdir()?;
    /// let root = place.path().join("groups");
    /// let starting = GroupDir::lock(&root)?;
    /// let dir = GroupDir::create(&root, "nat")?; // ... and its record
    /// drop(starting);
    /// # dir.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotPrivate`], [`Error::Io`]; also if somebody else holds it for 10 s.
    pub fn lock(root: &Path) -> Result<fs::File, Error> {
        let since = Instant::now();
        loop {
            if let Some(held) = try_lock(root)? {
                return Ok(held);
            }
            if since.elapsed() > PATIENCE {
                return Err(io_error(root, "lock")(std::io::ErrorKind::WouldBlock.into()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Removes the default root if no group is left below it and nobody is starting one; any other root was chosen by somebody,
    /// who may want to keep it.
    ///
    /// # Errors
    /// As [`GroupDir::lock`].
    pub fn remove_empty_root(root: &Path) -> Result<(), Error> {
        if root != GroupDir::default_root() || !root.exists() {
            return Ok(());
        }
        if let Some(_nobody_starts) = try_lock(root)? {
            // Refused if there is something in it.
            let _ = fs::remove_dir(root);
        }
        Ok(())
    }
}

/// `None`: somebody else holds it, or has just removed the directory.
fn try_lock(root: &Path) -> Result<Option<fs::File>, Error> {
    private_dir(root)?;
    let Ok(file) = fs::File::open(root) else { return Ok(None) };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(is_still(&file, root).then_some(file)),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
        Err(errno) => Err(io_error(root, "lock")(errno.into())),
    }
}

/// Whether an open directory is the one of this path.
fn is_still(file: &fs::File, path: &Path) -> bool {
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    matches!((file.metadata(), path.metadata()), (Ok(open), Ok(there)) if identity(open.clone()) == identity(there.clone()))
}

/// Creates a directory for this user alone, or checks that it is one.
pub(super) fn private_dir(path: &Path) -> Result<(), Error> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(io_error(path, "create directory")(error));
        }
        _ => {}
    }
    check_private(path)
}

/// Checks that a directory is this user's alone.
pub(super) fn check_private(path: &Path) -> Result<(), Error> {
    let meta = fs::symlink_metadata(path).map_err(io_error(path, "stat"))?;
    let (expected, found, mode) = (rustix::process::geteuid().as_raw(), meta.uid(), meta.mode() & 0o7777);
    if !meta.is_dir() || found != expected || mode & 0o077 != 0 {
        return Err(Error::NotPrivate { path: path.into(), expected, found, mode });
    }
    Ok(())
}
