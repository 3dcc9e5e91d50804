//! The files of a journal. Invariant: a run's directory has its final name only once its birth, and the checkpoint it begins with
//! if that is not the group's first, are on the disk; nothing older is removed before something newer is usable.
//!
//! ```text
//! DIRECTORY/lock                            held by the gateway that writes
//! DIRECTORY/run-000003/birth                one batch with one record
//!                      checkpoint-41        a complete checkpoint, as a staged delta; none: checkpoint 0 is in the segments
//!                      000007.segment       batches, numbered on through all segments
//! DIRECTORY/suspended                       there while a group goes on without its journal; says why
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::disk::sync_directory;
use super::error::{JournalError, damaged, io_error};
use super::facts::Origin;
use super::format::{self, Filling, Flaw, Kind, Record};

/// One uninterrupted row of segments.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    /// In every batch, so that no other run's bytes are taken for this one's.
    pub(super) id: u64,
    pub(super) origin: Origin,
}

/// Makes the journal's directory, for this user alone.
pub(super) fn make_directory(path: &Path) -> Result<(), JournalError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(io_error(path, "create directory"))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_directory(parent).map_err(io_error(parent, "sync"))
}

/// The right to write a journal; given back by the kernel when this process ends.
pub(super) fn lock(directory: &Path) -> Result<File, JournalError> {
    let path = directory.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(io_error(&path, "open"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: directory.into() }),
        Err(TryLockError::Error(source)) => Err(io_error(&path, "lock")(source)),
    }
}

/// Refuses if a group that runs writes this journal: what stands in it is not over. (It is not locked by this.)
///
/// ```
/// let dir = tempfile::tempdir()?;
/// ftmb_netio::journal::refuse_in_use(dir.path())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`JournalError::InUse`]. What else is wrong with the directory is left to those who read it.
pub fn refuse_in_use(directory: &Path) -> Result<(), JournalError> {
    let Ok(file) = File::open(directory.join("lock")) else { return Ok(()) };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: directory.into() }),
        _ => Ok(()),
    }
}

/// Where a group says that it goes on without its journal.
pub(super) fn suspended(directory: &Path) -> PathBuf {
    directory.join("suspended")
}

/// Where a group says that it has ended in good order if its run cannot say so.
pub(super) fn ended(directory: &Path, run: u64) -> PathBuf {
    directory.join(format!("ended-{run}"))
}

fn numbered(path: &Path, number: impl Fn(&str) -> Option<u64>) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(io_error(path, "list"))? {
        let entry = entry.map_err(io_error(path, "list"))?;
        if let Some(number) = entry.file_name().to_str().and_then(&number) {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Writes a file that is there in full or not at all, and forces it to the disk.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let mut incomplete = path.as_os_str().to_owned();
    incomplete.push(".incomplete");
    let incomplete = PathBuf::from(incomplete);
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&incomplete);
    let mut file = options.map_err(io_error(path, "create"))?;
    let written = file.write_all(bytes).map_err(io_error(path, "write"));
    let written = written.and_then(|()| file.sync_all().map_err(io_error(path, "sync")));
    if written.is_err() {
        let _ = fs::remove_file(&incomplete);
    }
    written?;
    fs::rename(&incomplete, path).map_err(io_error(path, "rename"))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    sync_directory(directory).map_err(io_error(directory, "sync"))
}

impl Run {
    /// The runs of a journal that were begun, the oldest first.
    pub(super) fn list(directory: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
        if !directory.exists() {
            return Ok(Vec::new());
        }
        numbered(directory, |name| name.strip_prefix("run-")?.parse().ok())
    }

    /// Begins a run; `checkpoint`: the number and bytes of the complete one that it begins with.
    pub(super) fn create(
        directory: &Path,
        origin: Origin,
        checkpoint: Option<(u64, &[u8])>,
    ) -> Result<Run, JournalError> {
        let number = Run::list(directory)?.last().map_or(1, |last| last.0 + 1);
        let (path, incomplete) =
            (directory.join(format!("run-{number:06}")), directory.join(format!("run-{number:06}.incomplete")));
        if incomplete.exists() {
            fs::remove_dir_all(&incomplete).map_err(io_error(&incomplete, "remove"))?;
        }
        // Of a run of this number that somebody has removed.
        match fs::remove_file(ended(directory, number)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io_error(&ended(directory, number), "remove")(error));
            }
            _ => {}
        }
        let id = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), number);
        let made = (|| {
            DirBuilder::new().mode(0o700).create(&incomplete).map_err(io_error(&incomplete, "create directory"))?;
            let birth = origin.to_bytes();
            let mut buffer = vec![0; (format::HEAD + format::RECORD + birth.len() + 8).next_multiple_of(format::BLOCK)];
            let mut filling = Filling::new();
            filling.add(&mut buffer, &Record { bytes: &birth, ..Record::of(Kind::Birth) });
            let length = filling.seal(&mut buffer, id, 0, crate::group_record::unix_ns());
            write_durably(&incomplete.join("birth"), &buffer[..length])?;
            if let Some((number, bytes)) = checkpoint {
                write_durably(&incomplete.join(format!("checkpoint-{number}")), bytes)?;
            }
            fs::rename(&incomplete, &path).map_err(io_error(&path, "rename"))?;
            sync_directory(directory).map_err(io_error(directory, "sync"))
        })();
        if made.is_err() {
            let _ = fs::remove_dir_all(&incomplete);
        }
        made.map(|()| Run { path, number, id, origin })
    }

    /// Opens a run that was begun.
    pub(super) fn open(number: u64, path: PathBuf) -> Result<Run, JournalError> {
        let birth = path.join("birth");
        let bytes = fs::read(&birth).map_err(io_error(&birth, "read"))?;
        let (head, mut records) = format::batch(&bytes).map_err(|flaw| damaged(&birth, 0, flaw))?;
        let origin = records.next().filter(|record| record.kind == Kind::Birth);
        let no_birth = Flaw { at: format::HEAD, expected: "the birth of a group", found: bytes.len() as u64 };
        let origin = origin.and_then(|record| Origin::parse(record.bytes));
        let origin = origin.ok_or_else(|| damaged(&birth, 0, no_birth))?;
        Ok(Run { path, number, id: head.run, origin })
    }

    /// Its segments, in order.
    pub(super) fn segments(&self) -> Result<Vec<(u64, PathBuf)>, JournalError> {
        numbered(&self.path, |name| name.strip_suffix(".segment")?.parse().ok())
    }

    /// The name of a segment.
    pub(super) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:06}.segment"))
    }

    /// Its complete checkpoints, in order.
    pub(super) fn checkpoints(&self) -> Result<Vec<(u64, PathBuf)>, JournalError> {
        numbered(&self.path, |name| name.strip_prefix("checkpoint-")?.parse().ok())
    }

    /// Bytes of all its files.
    pub(super) fn bytes(&self) -> Result<u64, JournalError> {
        let mut bytes = 0;
        for entry in fs::read_dir(&self.path).map_err(io_error(&self.path, "list"))? {
            let meta = entry.and_then(|entry| entry.metadata()).map_err(io_error(&self.path, "stat"))?;
            bytes += meta.len();
        }
        Ok(bytes)
    }
}
