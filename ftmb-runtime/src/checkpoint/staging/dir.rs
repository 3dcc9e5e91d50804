//! The directory of staged files and their names. Invariant: what is no name of ours is left alone.

use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::checkpoint::error::{CheckpointError, io_error};
use crate::checkpoint::stream::Span;

/// A staged delta, whole and checked when it was staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedFile {
    /// The epoch whose master took the checkpoint.
    pub epoch: u64,
    /// Its number.
    pub number: u64,
    /// The file; [`Delta::open`](crate::checkpoint::Delta::open) reads it,
    /// [`DeltaHead::open`](crate::checkpoint::DeltaHead::open) its first part.
    pub path: PathBuf,
}

/// The name of a part file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartName {
    pub(super) epoch: u64,
    pub(super) number: u64,
    pub(super) span: Span,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}-{}.part", self.epoch, self.number, self.span.begin, self.span.length)
    }
}

impl PartName {
    fn parse(name: &str) -> Option<PartName> {
        let (delta, span) = name.strip_suffix(".part")?.split_once('.')?;
        let ((epoch, number), (begin, length)) = (pair(delta)?, pair(span)?);
        Some(PartName { epoch, number, span: Span { begin, length } })
    }
}

/// Two decimal numbers with a dash between, exactly as they are written here.
fn pair(text: &str) -> Option<(u64, u64)> {
    let (a, b) = text.split_once('-')?;
    let (a, b) = (a.parse().ok()?, b.parse().ok()?);
    (format!("{a}-{b}") == text).then_some((a, b))
}

/// The directory of staged files, for everybody who looks at them: keeper, gateway, whoever loads the image.
///
/// ```
/// use ftmb_runtime::checkpoint::StageDir;
/// let dir = tempfile::tempdir()?;
/// let stage = StageDir::create(&dir.path().join("stage"))?;
/// for name in ["3-16", "3-17", "4-17"] {
///     std::fs::write(stage.path().join(name), b"a delta")?;
/// }
/// // Checkpoint 16 is committed, epoch 4 reigns: what epoch 3 staged and nobody committed must never be taken.
/// stage.discard_uncommitted(Some(16), 4)?;
/// let left: Vec<_> = stage.files()?.iter().map(|file| (file.epoch, file.number)).collect();
/// assert_eq!(left, [(3, 16), (4, 17)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StageDir {
    path: PathBuf,
}

impl StageDir {
    /// The directory, created with mode 0700 if it is not there.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn create(path: &Path) -> Result<StageDir, CheckpointError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            result => result.map_err(io_error(path, "create"))?,
        }
        Ok(StageDir { path: path.into() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name under which a delta is staged.
    pub fn file(&self, epoch: u64, number: u64) -> PathBuf {
        self.path.join(format!("{epoch}-{number}"))
    }

    /// What is staged, by number, then epoch.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn files(&self) -> Result<Vec<StagedFile>, CheckpointError> {
        let mut files = self.names(pair)?;
        files.sort_unstable_by_key(|&(epoch, number)| (number, epoch));
        let file = |(epoch, number)| StagedFile { epoch, number, path: self.file(epoch, number) };
        Ok(files.into_iter().map(file).collect())
    }

    /// The staged file of a committed checkpoint, if it is there.
    ///
    /// Several epochs may have staged one number, but once one of them is committed, later epochs count on from it: so
    /// it is the one of the latest epoch.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn committed(&self, number: u64) -> Result<Option<StagedFile>, CheckpointError> {
        Ok(self.files()?.into_iter().rfind(|file| file.number == number))
    }

    /// Removes every staged file that is neither the committed one nor of the current epoch, and returns what was
    /// removed. Call it whenever an epoch begins, before anything staged is looked at: an uncommitted delta must not
    /// survive a fence.
    ///
    /// # Errors
    /// [`CheckpointError::Io`]; calling it again goes on.
    pub fn discard_uncommitted(
        &self,
        committed: Option<u64>,
        current_epoch: u64,
    ) -> Result<Vec<StagedFile>, CheckpointError> {
        let keep = committed.map_or(Ok(None), |number| self.committed(number))?;
        self.remove(|file| file.epoch != current_epoch && Some(file) != keep.as_ref())
    }

    /// Removes the staged files that an image which holds checkpoint `applied` no longer needs, and returns them.
    ///
    /// # Errors
    /// [`CheckpointError::Io`]; calling it again goes on.
    pub fn discard_applied(&self, applied: u64) -> Result<Vec<StagedFile>, CheckpointError> {
        self.remove(|file| file.number <= applied)
    }

    fn remove(&self, which: impl Fn(&StagedFile) -> bool) -> Result<Vec<StagedFile>, CheckpointError> {
        let removed: Vec<_> = self.files()?.into_iter().filter(which).collect();
        for file in &removed {
            match std::fs::remove_file(&file.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result.map_err(io_error(&file.path, "remove"))?,
            }
        }
        Ok(removed)
    }

    /// The part files, the one that began last first.
    pub(super) fn parts(&self) -> Result<Vec<PartName>, CheckpointError> {
        let mut parts = self.names(PartName::parse)?;
        parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.span.begin));
        Ok(parts)
    }

    fn names<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, CheckpointError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(io_error(&self.path, "list"))? {
            let entry = entry.map_err(io_error(&self.path, "list"))?;
            names.extend(entry.file_name().to_str().and_then(&parse));
        }
        Ok(names)
    }
}
