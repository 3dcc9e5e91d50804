//! Making, opening and loading an image. Invariant: one process at a time may change it, and what [`Image::load`]
//! returns is the committed checkpoint, verified to the last byte.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Image;
use super::counts::{self, COUNTS, records_at};
use super::header::{self, Slot, read_slot, write_new};
use super::index::Index;
use super::record::{CORES, Record, RecordKind};
use super::space::Space;
use crate::checkpoint::delta::Delta;
use crate::checkpoint::error::{CheckpointError, damaged, io_error};
use crate::checkpoint::head::DeltaHead;
use crate::checkpoint::staging::StageDir;
use crate::checkpoint::summary::{CorePoint, decode_cores};

impl Image {
    /// Makes an empty image, written under another name and renamed when whole; an existing file of that name is
    /// replaced.
    ///
    /// # Errors
    /// [`CheckpointError::Busy`] if a living process has the one that is there open to change it; `Io`, `Log`.
    pub fn create(path: &Path, fingerprint: u64) -> Result<Image, CheckpointError> {
        match lock(path)? {
            Some(lock) => Image::make(path, fingerprint, lock),
            None => Err(CheckpointError::Busy { path: path.into(), applied: None }),
        }
    }

    fn make(path: &Path, fingerprint: u64, lock: File) -> Result<Image, CheckpointError> {
        let mut space = Space::create(&sibling(path, "new"), COUNTS)?;
        let mut slot = Slot::default();
        slot.end = (records_at(0) as u64).into();
        write_new(&mut space, fingerprint, &mut slot);
        space.rename(path).map_err(io_error(path, "rename"))?;
        Image::attach(path, fingerprint, Some(lock))
    }

    /// Opens an image to apply further deltas to it. It may be half-way ([`begun`](Self::begun) is not
    /// [`applied`](Self::applied)), and what it holds is not verified: [`load`](Self::load) is for those who want its
    /// contents.
    ///
    /// # Errors
    /// [`CheckpointError::Busy`] if a living process has it open to change it; `Io`, `Foreign`, `Mismatch` (version,
    /// fingerprint), `Truncated`, `Damaged`, `Log`.
    pub fn open(path: &Path, fingerprint: u64) -> Result<Image, CheckpointError> {
        match lock(path)? {
            Some(lock) => Image::attach(path, fingerprint, Some(lock)),
            None => Err(CheckpointError::Busy { path: path.into(), applied: None }),
        }
    }

    /// Opens an image, brings it to the committed checkpoint with the staged delta if the keeper had not finished that,
    /// and verifies everything.
    ///
    /// While another process, the keeper, has the image open to change it, it can still be read if it holds the
    /// committed checkpoint: the keeper changes nothing before the next commit, and there is none before the loading
    /// process is the master of an active epoch. The result is then not [writable](Self::is_writable); drop it when the
    /// state is restored. ([`apply`](Self::apply) makes it writable if the other process has let go of it meanwhile
    /// without changing it.)
    ///
    /// An image that is not there is made, if the committed checkpoint is a complete one and staged.
    ///
    /// ```
    /// use ftmb_runtime::checkpoint::{DeltaBuilder, Image, StageDir, Summary};
    /// let dir = tempfile::tempdir()?;
    /// let (path, stage) = (dir.path().join("image"), StageDir::create(&dir.path().join("stage"))?);
    /// drop(Image::create(&path, 7)?);
    /// // Checkpoint 0 was staged and committed, but the keeper died before it could apply it.
    /// let delta = DeltaBuilder::new(Summary { epoch: 1, fingerprint: 7, ..Summary::default() }).finish();
    /// std::fs::write(stage.file(1, 0), delta.to_bytes())?;
    /// assert_eq!(Image::load(&path, 7, 0, stage.path())?.applied(), Some(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`apply`](Self::apply); [`CheckpointError::NotCommitted`] if the image holds
    /// something else and no staged file leads to `committed`; `Busy` if the keeper is not done with it: try again.
    pub fn load(path: &Path, fingerprint: u64, committed: u64, stage: &Path) -> Result<Image, CheckpointError> {
        let Some(lock) = lock(path)? else { return Image::read_beside_keeper(path, fingerprint, committed) };
        let stage = StageDir::create(stage)?;
        let staged = stage.committed(committed)?;
        let mut image = match &staged {
            Some(file) if !path.exists() && DeltaHead::open(&file.path)?.summary().is_complete() => {
                Image::make(path, fingerprint, lock)?
            }
            _ => Image::attach(path, fingerprint, Some(lock))?,
        };
        if image.applied() != Some(committed) || image.begun() != image.applied() {
            let (Some(file), true) = (staged, image.applied() < Some(committed)) else {
                let (applied, begun) = (image.applied(), image.begun());
                return Err(CheckpointError::NotCommitted {
                    path: path.into(),
                    stage: stage.path().into(),
                    committed,
                    applied,
                    begun,
                });
            };
            let delta = Delta::open(&file.path)?;
            let summary = delta.summary();
            for (position, what, expected, found) in
                [(32, "epoch", file.epoch, summary.epoch), (40, "number", committed, summary.number)]
            {
                if expected != found {
                    return Err(CheckpointError::Mismatch { path: file.path, position, what, expected, found });
                }
            }
            image.apply(&delta)?;
        }
        image.verify()?;
        Ok(image)
    }

    fn read_beside_keeper(path: &Path, fingerprint: u64, committed: u64) -> Result<Image, CheckpointError> {
        let space = Space::open(path)?;
        header::check(&space, path, fingerprint)?;
        let slot = read_slot(&space, path)?;
        let busy = || CheckpointError::Busy { path: path.into(), applied: slot.applied.get().checked_sub(1) };
        if slot.applied != slot.begun || slot.applied.get() != committed + 1 {
            return Err(busy());
        }
        let image = Image::with(path, fingerprint, space, slot, None);
        let image = image.and_then(|image| image.verify().map(|()| image));
        // The keeper must not have begun anything meanwhile; then what was read may look like anything.
        if read_slot(&Space::open(path)?, path)? != slot {
            return Err(busy());
        }
        image
    }

    /// Makes an image that was read beside its keeper writable, if the keeper is gone and has left it as it was read.
    pub(super) fn claim(&mut self) -> Result<(), CheckpointError> {
        if self.lock.is_some() {
            return Ok(());
        }
        let busy = CheckpointError::Busy { path: self.path.clone(), applied: self.applied() };
        let Some(lock) = lock(&self.path)? else { return Err(busy) };
        // Another sequence would show that it was changed, another file under the name has another sequence.
        let space = Space::open(&self.path)?;
        if read_slot(&space, &self.path)? != self.slot {
            return Err(busy);
        }
        (self.space, self.lock) = (space, Some(lock));
        Ok(())
    }

    fn attach(path: &Path, fingerprint: u64, lock: Option<File>) -> Result<Image, CheckpointError> {
        // What a compaction left that did not come to its end is of no use; that it usually does not exist is fine.
        let _ = std::fs::remove_file(sibling(path, "compact"));
        let space = Space::open(path)?;
        header::check(&space, path, fingerprint)?;
        let slot = read_slot(&space, path)?;
        Image::with(path, fingerprint, space, slot, lock)
    }

    fn with(
        path: &Path,
        fingerprint: u64,
        space: Space,
        slot: Slot,
        lock: Option<File>,
    ) -> Result<Image, CheckpointError> {
        let (index, dead) = walk(&space, &slot, path)?;
        let end = slot.end.get() as usize;
        let mut image = Image {
            path: path.into(),
            space,
            slot,
            index,
            cores: Vec::new(),
            end,
            dead,
            patience: 0,
            scratch: Vec::new(),
            fingerprint,
            lock,
        };
        if image.applied().is_some() && image.applied() == image.begun() {
            image.cores = image.read_cores()?;
        }
        Ok(image)
    }

    fn read_cores(&self) -> Result<Vec<CorePoint>, CheckpointError> {
        let expected = self.slot.cores.get();
        let Some(&offset) = self.index.offsets(CORES).first() else {
            return Err(damaged(&self.path, self.end as u64, "a record with the points of the cores", 0));
        };
        let broken = |at| damaged(&self.path, (offset + at) as u64, "the point of a core", expected.into());
        self.space.with(0..self.end, |bytes| {
            let record = Record::at(bytes, offset).ok_or_else(|| broken(0))?;
            Ok(decode_cores(record.value, expected).map_err(broken)?.0)
        })
    }

    /// Checks every record and the counts against their checksums.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] with the first position that is wrong; for an image that is half-way that is no
    /// surprise.
    pub fn verify(&self) -> Result<(), CheckpointError> {
        self.space.with(0..self.end, |bytes| {
            counts::check(bytes, self.variable_count(), &self.path)?;
            each_record(bytes, self.variable_count(), &self.path, |offset, record| {
                if record.is_whole() {
                    return Ok(());
                }
                Err(damaged(&self.path, offset as u64, "a record with its crc", record.raw.crc.get().into()))
            })
        })
    }
}

/// Builds the index and counts the bytes of dead and removed records.
pub(super) fn walk(space: &Space, slot: &Slot, path: &Path) -> Result<(Index, usize), CheckpointError> {
    let variables = slot.variables.get();
    let mut index = Index::new(variables);
    let mut dead = 0;
    space.with(0..slot.end.get() as usize, |bytes| {
        each_record(bytes, variables, path, |offset, record| {
            if record.kind() != RecordKind::Live {
                dead += record.raw.size();
            }
            if record.kind() == RecordKind::Dead {
                return Ok(());
            }
            let (variable, hash) = (record.raw.variable.get(), index.hash(record.key));
            let same_key = |at| Record::at(bytes, at).is_some_and(|other| other.key == record.key);
            if let Some(first) = index.find(variable, hash, same_key) {
                return Err(damaged(path, offset as u64, "one record a key", first as u64));
            }
            index.insert(variable, hash, offset);
            Ok(())
        })
    })?;
    Ok((index, dead))
}

/// Visits the records in `bytes`, which is an image up to its end.
pub(super) fn each_record<'a>(
    bytes: &'a [u8],
    variables: u32,
    path: &Path,
    mut visit: impl FnMut(usize, Record<'a>) -> Result<(), CheckpointError>,
) -> Result<(), CheckpointError> {
    let mut at = records_at(variables);
    while at < bytes.len() {
        let Some(record) = Record::at(bytes, at) else {
            return Err(damaged(
                path,
                at as u64,
                "a record that ends where the records end",
                (bytes.len() - at) as u64,
            ));
        };
        if !record.is_sound() {
            return Err(damaged(
                path,
                at as u64 + 8,
                "the crc of a record's key and size",
                record.raw.mould.get().into(),
            ));
        }
        let variable = record.raw.variable.get();
        if variable >= variables && variable != CORES {
            return Err(damaged(path, at as u64 + 12, "the id of a variable", variable.into()));
        }
        visit(at, record)?;
        at += record.raw.size();
    }
    Ok(())
}

/// The image's name with something behind it.
pub(super) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// The right to change the image, given back by the kernel when the process ends; `None` if another has it.
fn lock(path: &Path) -> Result<Option<File>, CheckpointError> {
    let path = sibling(path, "lock");
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(io_error(&path, "create"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(io_error(&path, "lock")(source)),
    }
}
