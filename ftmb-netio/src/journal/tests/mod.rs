//! The journal beside a group whose master is a script, on a disk that does what a test says.

mod bytes;
mod policies;
mod power_losses;
mod recovering;
mod waiting;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use ftmb_runtime::checkpoint::{Delta, DeltaBuilder, DeltaHead, Image};
use ftmb_runtime::determinant::Word;
use ftmb_runtime::frame::{InHeader, KIND_PACKET};
use ftmb_runtime::state::{Piece, encode_piece};
use tempfile::TempDir;
use zerocopy::IntoBytes;

use super::*;
use crate::group_dir::GroupDir;
use crate::group_record::Birth;
use crate::output_logger::tests::{Group, Hidden, Master, Sink};

/// What the disk does.
#[derive(Debug, Default)]
struct Will {
    /// Nothing that is submitted comes to the disk.
    held: AtomicBool,
    /// Everything fails with this.
    errno: AtomicI32,
}

impl Will {
    fn hold(&self, hold: bool) {
        self.held.store(hold, Ordering::SeqCst);
    }

    fn fail(&self, errno: Option<rustix::io::Errno>) {
        self.errno.store(errno.map_or(0, |errno| errno.raw_os_error()), Ordering::SeqCst);
    }

    fn verdict(&self) -> std::io::Result<()> {
        match self.errno.load(Ordering::SeqCst) {
            0 => Ok(()),
            errno => Err(std::io::Error::from_raw_os_error(errno)),
        }
    }
}

#[derive(Debug)]
struct Willed {
    disk: SegmentDisk,
    will: Arc<Will>,
}

impl Disk for Willed {
    fn buffer(&mut self, which: usize) -> &mut [u8] {
        self.disk.buffer(which)
    }
    fn begin(&mut self, path: &Path, bytes: u64) -> std::io::Result<u64> {
        self.will.verdict()?;
        self.disk.begin(path, bytes)
    }
    fn has_better(&self) -> bool {
        self.disk.has_better()
    }
    fn submit(&mut self, which: usize, length: usize, offset: u64) -> std::io::Result<()> {
        self.disk.submit(which, length, offset)
    }
    fn wait(&mut self) -> std::io::Result<()> {
        while self.will.held.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let written = self.disk.wait();
        self.will.verdict().and(written)
    }
}

/// A group with a journal.
struct Scene {
    dir: TempDir,
    config: JournalConfig,
    will: Arc<Will>,
    journal: Option<Journal>,
    group: Group,
    master: Master,
    inputs: u64,
    /// Bytes that a checkpoint has beyond what it must.
    bulk: usize,
}

impl Drop for Scene {
    /// A test that fails ends, also while nothing comes to the disk.
    fn drop(&mut self) {
        self.will.hold(false);
    }
}

impl Scene {
    /// In epoch 1, with checkpoint 0 committed, staged and applied.
    fn new(cores: usize, change: impl FnOnce(&mut JournalConfig)) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let mut config = JournalConfig::new(dir.path().join("journal"));
        config.segment = 2 << 20;
        change(&mut config);
        let will = Arc::new(Will::default());
        let record = GroupRecord::anonymous(Birth::now(cores, 5)).unwrap();
        let logs = GroupLogs::anonymous(cores, LogSizes::smallest(), 0).unwrap();
        std::fs::create_dir(dir.path().join("stage")).unwrap();
        let journal = Scene::open(&dir, &config, &will, &record, &logs, None);
        let ol = OutputLogger::new(record.clone(), logs.clone(), journal.holder(), None).unwrap();
        let mut group = Group { record, logs, hidden: Hidden::default(), ol, sink: Sink::default() };
        group.take_over();
        let master = Master::of(&group);
        let mut scene = Scene { dir, config, will, journal: Some(journal), group, master, inputs: 0, bulk: 0 };
        scene.group.record.set_variables(crate::output_logger::tests::VARIABLES as usize);
        scene.checkpoint(&[]);
        scene
    }

    fn open(
        dir: &TempDir,
        config: &JournalConfig,
        will: &Arc<Will>,
        record: &GroupRecord,
        logs: &GroupLogs,
        base: Option<&Base>,
    ) -> Journal {
        let (image, stage) = (dir.path().join("image"), dir.path().join("stage"));
        let group = Journaled { record, logs, image: &image, stage: &stage, config: b"[group]\n", base };
        let disk = Willed { disk: SegmentDisk::new(true), will: Arc::clone(will) };
        Journal::open_on(config, &group, Box::new(disk)).unwrap()
    }

    fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().unwrap()
    }

    /// The gateway dies, and another one comes.
    fn restart(&mut self) {
        self.journal = None;
        let base = self.group.ol.base().cloned();
        let journal =
            Scene::open(&self.dir, &self.config, &self.will, &self.group.record, &self.group.logs, base.as_ref());
        let (record, logs) = (self.group.record.clone(), self.group.logs.clone());
        self.group.ol = OutputLogger::new(record, logs, journal.holder(), base).unwrap();
        self.journal = Some(journal);
    }

    /// Power is lost and comes back: what is on the disk is all there is.
    fn lose_power(&mut self) {
        self.journal = None;
        let recovery = self.recovery();
        let place = self.dir.path().join(format!("again-{}", self.inputs));
        let dir = GroupDir::create(&place, "x").unwrap();
        let record = recovery.rebuild(&dir, None).unwrap();
        let logs = dir.open_logs(record.cores(), 0).unwrap();
        for name in ["image", "stage"] {
            let path = self.dir.path().join(name);
            if path.is_dir() {
                std::fs::remove_dir_all(&path).unwrap();
                std::fs::create_dir(&path).unwrap();
            }
        }
        std::fs::copy(dir.image(None), self.dir.path().join("image")).unwrap();
        let base = Base::load(&dir.image(None), &dir.stage(None), 0, recovery.committed()).unwrap();
        let journal = Scene::open(&self.dir, &self.config, &self.will, &record, &logs, Some(&base));
        let ol = OutputLogger::new(record.clone(), logs.clone(), journal.holder(), Some(base)).unwrap();
        self.group = Group { record, logs, hidden: Hidden::default(), ol, sink: Sink::default() };
        self.journal = Some(journal);
    }

    fn wait(&mut self, what: &str, mut done: impl FnMut(&mut Scene) -> bool) {
        let since = Instant::now();
        while !done(self) {
            assert!(since.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
            self.journal().ring();
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Stamps an input of so many bytes; returns where it ends.
    fn input(&mut self, core: usize, bytes: usize) -> u64 {
        self.inputs += 1;
        let header = InHeader { source: self.inputs.into(), arrival: self.inputs.into(), ..InHeader::default() };
        let mut writer = self.group.logs.input[core].writer().unwrap();
        let payload = vec![self.inputs as u8; bytes];
        writer.append(KIND_PACKET, 0, &[header.as_bytes(), &payload]).expect("room");
        writer.publish();
        self.group.logs.input[core].mark(0).store(self.inputs, Ordering::SeqCst);
        self.group.record.set_stamped(0, self.inputs);
        self.group.logs.input[core].tail()
    }

    /// An input and an output that stems from it and one access.
    fn packet(&mut self, core: usize, word: Word) {
        let need = self.input(core, 100);
        let payload = self.inputs;
        self.master.word(core, word).emit_needing(core, need, payload);
    }

    fn left(&mut self) -> usize {
        self.group.poll();
        self.group.sink.left.len()
    }

    fn stage(&mut self, counts: &[(u32, u32, u32)]) -> (Delta, DeltaHead) {
        let delta = self.master.checkpoint(&self.group, counts);
        let mut builder = DeltaBuilder::new(delta.summary().clone());
        delta.counts().for_each(|count| builder.count(count.id, count.acq, count.base));
        let value = vec![self.inputs as u8; self.bulk];
        let put = |out: &mut Vec<u8>| {
            if !value.is_empty() {
                encode_piece(out, Piece::Put { key: b"bulk", value: &value });
            }
            Ok::<_, std::convert::Infallible>(())
        };
        builder.variable(1, put).unwrap();
        let delta = builder.finish();
        let summary = delta.summary();
        let path = self.dir.path().join(format!("stage/{}-{}", summary.epoch, summary.number));
        std::fs::write(&path, delta.to_bytes()).unwrap();
        (delta, DeltaHead::open(&path).unwrap())
    }

    /// Commits a checkpoint, and applies it.
    fn checkpoint(&mut self, counts: &[(u32, u32, u32)]) {
        let (delta, head) = self.stage(counts);
        self.wait("the checkpoint", |scene| {
            scene.group.poll();
            scene.group.ol.covers(&head)
        });
        self.group.ol.commit(&head).unwrap();
        let path = self.dir.path().join("image");
        let mut image = if path.exists() { Image::open(&path, 0) } else { Image::create(&path, 0) }.unwrap();
        image.apply(&delta).unwrap();
        std::fs::remove_file(head.path()).unwrap();
        self.group.ol.trim();
    }

    /// Waits until everything that is in the logs is on the disk, and facts of now.
    fn settle(&mut self) {
        let wanted: Vec<u64> = self.group.logs.input.iter().map(ftmb_runtime::log::Log::tail).collect();
        let epoch = self.group.record.current().unwrap();
        let words: Vec<u64> = self.group.logs.det.iter().map(|sets| sets[epoch.set].tail()).collect();
        self.wait("the disk", |scene| {
            let state = scene.journal().shared.state();
            let there = |core: usize| state.durable.det(core, epoch.number) >= Some(words[core]);
            state.durable.input == wanted && (0..words.len()).all(there)
        });
        let batches = self.journal().shared.state().figures.batches;
        self.input(0, 1);
        self.wait("facts", |scene| {
            scene.journal().shared.state().figures.batches >= batches + 3 || {
                scene.input(0, 1);
                false
            }
        });
    }

    fn recovery(&self) -> Recovery {
        Recovery::find(&self.config.directory).unwrap().expect("there is a usable run")
    }
}
