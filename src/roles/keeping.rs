//! Keeping the image: staging deltas as they arrive and applying them once they are committed (protocol section 5, steps 1 and 4).
//! Done by the standby, and by the image keeper where there is no standby.
//!
//! Invariant: image and live objects never hold anything uncommitted; a staged delta of a fenced epoch is never announced.

use std::collections::VecDeque;
use std::path::PathBuf;

use ftmb_netio::group_dir::GroupDir;
use ftmb_netio::group_record::GroupRecord;
use ftmb_runtime::checkpoint::{CheckpointError, CorePoint, Delta, Image, StageDir, Staged, Staging};
use ftmb_runtime::instance::Instance;
use ftmb_runtime::log::Log;
use ftmb_runtime::middlebox::Middlebox;

use crate::Result;

/// What follows the committed checkpoints besides the image.
pub(super) trait Follower {
    fn load(&self, image: &Image) -> Result<()>;
    fn apply(&self, delta: &Delta) -> Result<()>;
}

/// The image keeper knows nothing of the user's types.
impl Follower for () {
    fn load(&self, _: &Image) -> Result<()> {
        Ok(())
    }
    fn apply(&self, _: &Delta) -> Result<()> {
        Ok(())
    }
}

impl<M: Middlebox> Follower for Instance<M> {
    fn load(&self, image: &Image) -> Result<()> {
        Ok(Instance::load(self, image)?)
    }
    fn apply(&self, delta: &Delta) -> Result<()> {
        Ok(Instance::apply(self, delta)?)
    }
}

/// How long a loading process waits for a keeper that is applying a delta.
const KEEPER_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Where image and staged deltas are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) image: PathBuf,
    pub(super) stage: PathBuf,
}

impl Places {
    pub(super) fn of(dir: &GroupDir, state_dir: Option<&std::path::Path>) -> Places {
        Places { image: dir.image(state_dir), stage: dir.stage(state_dir) }
    }
}

/// The committed checkpoint that a follower holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) number: Option<u64>,
    pub(super) points: Vec<CorePoint>,
}

impl Held {
    /// Loads the committed checkpoint from the image into the follower.
    pub(super) fn load(
        record: &GroupRecord,
        places: &Places,
        follower: &impl Follower,
    ) -> Result<(Held, Option<Image>)> {
        let Some(committed) = record.committed() else { return Ok((Held::default(), None)) };
        if !places.image.exists() {
            // The keeper died between the commit of checkpoint 0 and the making of the image: what is staged fills an empty one.
            drop(Image::create(&places.image, record.fingerprint())?);
        }
        let load = || Image::load(&places.image, record.fingerprint(), committed, &places.stage);
        let mut image = load();
        let asked = std::time::Instant::now();
        while matches!(image, Err(CheckpointError::Busy { .. })) && asked.elapsed() < KEEPER_PATIENCE {
            std::thread::sleep(std::time::Duration::from_millis(1));
            image = load();
        }
        let image = image?;
        follower.load(&image)?;
        Ok((Held { number: image.applied(), points: image.cores().to_vec() }, Some(image)))
    }

    pub(super) fn apply(&mut self, delta: &Delta, follower: &impl Follower) -> Result<()> {
        follower.apply(delta)?;
        self.number = Some(delta.summary().number);
        self.points.clone_from(&delta.summary().cores);
        Ok(())
    }
}

/// The keeper's side of checkpoints.
#[derive(Debug)]
pub(super) struct Keeping<'a> {
    record: &'a GroupRecord,
    slot: usize,
    places: Places,
    image: Option<Image>,
    staging: Staging,
    staged: VecDeque<Staged>,
    epoch: u64,
}

impl<'a> Keeping<'a> {
    pub(super) fn start(
        record: &'a GroupRecord,
        slot: usize,
        places: Places,
        image: Option<Image>,
        ckpt: Log,
    ) -> Result<Keeping<'a>> {
        let staging = Staging::open(&places.stage, ckpt)?;
        let mut keeping = Keeping { record, slot, places, image, staging, staged: VecDeque::new(), epoch: 0 };
        keeping.follow_epoch()?;
        if let Some(applied) = keeping.image.as_ref().and_then(Image::applied) {
            record.member(slot).set_applied(applied);
        }
        keeping.find_staged()?;
        Ok(keeping)
    }

    /// What an earlier keeper of this epoch staged counts as staged.
    fn find_staged(&mut self) -> Result<()> {
        let held = self.image.as_ref().and_then(Image::applied);
        for file in self.staging.dir().files()? {
            if file.epoch == self.epoch && held.is_none_or(|held| file.number > held) {
                let delta = Delta::open(&file.path)?;
                self.announce(Staged { epoch: file.epoch, number: file.number, path: file.path, delta });
            }
        }
        Ok(())
    }

    /// A new epoch: nothing that an earlier one staged and did not commit may survive.
    fn follow_epoch(&mut self) -> Result<()> {
        let epoch = self.record.epoch();
        if epoch != self.epoch {
            let committed = self.record.committed();
            self.staging.dir().discard_uncommitted(committed, epoch)?;
            self.staged.retain(|staged| staged.epoch == epoch || Some(staged.number) == committed);
            self.epoch = epoch;
        }
        Ok(())
    }

    fn announce(&mut self, staged: Staged) {
        self.record.member(self.slot).set_staged(staged.epoch, staged.number);
        self.record.gateway_bell().ring();
        self.staged.push_back(staged);
    }

    /// Stages what has arrived and applies what is committed; returns whether anything moved.
    pub(super) fn step(&mut self, held: &mut Held, follower: &impl Follower) -> Result<bool> {
        self.follow_epoch()?;
        let before = self.staging.position();
        let mut moved = false;
        if let Some(staged) = self.receive()? {
            moved = true;
            if staged.epoch == self.epoch {
                self.announce(staged);
            } else {
                // Taken by a master that was fenced before it was committed.
                StageDir::create(&self.places.stage)?.discard_uncommitted(self.record.committed(), self.epoch)?;
            }
        }
        if self.staging.position() != before {
            moved = true;
            self.ring_master();
        }
        Ok(self.apply_committed(held, follower)? || moved)
    }

    /// The next whole delta. One that arrived damaged is discarded, and with it the chain of its epoch is broken: only a takeover
    /// from the committed checkpoint mends that.
    fn receive(&mut self) -> Result<Option<Staged>> {
        match self.staging.step() {
            Err(error @ (CheckpointError::Io { .. } | CheckpointError::Log(_))) => Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "a checkpoint arrived damaged: the master is replaced");
                self.record.ask_failover();
                self.record.gateway_bell().ring();
                Ok(None)
            }
            Ok(staged) => Ok(staged),
        }
    }

    fn ring_master(&self) {
        if let Some(epoch) = self.record.current() {
            self.record.member_bell(epoch.master).ring();
        }
    }

    fn apply_committed(&mut self, held: &mut Held, follower: &impl Follower) -> Result<bool> {
        let mut moved = false;
        while let (Some(committed), Some(first)) = (self.record.committed(), self.staged.front()) {
            if first.number > committed {
                break;
            }
            let staged = self.staged.pop_front().expect("there is a first one");
            if held.number.is_none_or(|number| staged.number > number) {
                self.apply_to_image(&staged.delta)?;
                held.apply(&staged.delta, follower)?;
                self.record.member(self.slot).set_applied(staged.number);
                self.staging.dir().discard_applied(staged.number)?;
                self.record.gateway_bell().ring();
                moved = true;
            }
        }
        Ok(moved)
    }

    fn apply_to_image(&mut self, delta: &Delta) -> Result<()> {
        if self.image.is_none() {
            self.image = Some(Image::create(&self.places.image, self.record.fingerprint())?);
        }
        let Some(image) = &mut self.image else { return Ok(()) };
        let asked = std::time::Instant::now();
        loop {
            // Somebody who reads the committed checkpoint may hold the image for a moment.
            match image.apply(delta) {
                Err(CheckpointError::Busy { .. }) if asked.elapsed() < KEEPER_PATIENCE => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                applied => {
                    applied?;
                    return Ok(());
                }
            }
        }
    }

    /// Takeover: this process becomes master and leaves the image alone. Live objects get what is committed but was not applied.
    pub(super) fn leave(mut self, base: Option<u64>, held: &mut Held, follower: &impl Follower) -> Result<()> {
        while let Some(staged) = self.staged.pop_front() {
            if Some(staged.number) <= base && Some(staged.number) > held.number {
                held.apply(&staged.delta, follower)?;
            }
        }
        Ok(())
    }
}
