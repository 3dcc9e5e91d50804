//! A group with a journal whose disk can be looked at, copied and torn. Invariant: a copy is a state that a power loss could have
//! left: whatever it has of a batch, it has all batches before.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use etherparse::PacketBuilder;
use ftmb_netio::group_record::{GroupRecord, Stat};
use tempfile::TempDir;

use super::capture::{self, Frame};
use super::group::{Place, Running};

const BLOCK: u64 = 4096;
const MAGIC: &[u8] = b"ftmb-jrn";

/// Frames with an index in them.
pub(crate) struct Frames;

impl Frames {
    /// Writes a capture of so many, of a hundred flows.
    pub(crate) fn write(path: &Path, packets: u64) {
        Frames::write_long(path, packets, 8);
    }

    /// The same, with so many bytes behind the index.
    pub(crate) fn write_long(path: &Path, packets: u64, more: usize) {
        let frames: Vec<Frame> = (0..packets)
            .map(|index| {
                let builder = PacketBuilder::ethernet2([2; 6], [4; 6]);
                let builder = builder.ipv4([10, 0, 0, (index % 100) as u8 + 1], [192, 0, 2, 1], 64);
                let builder = builder.udp(4000 + (index % 100) as u16, 53);
                let payload = [&[0; 8], &index.to_be_bytes()[..], &vec![7; more]].concat();
                let mut frame = Vec::with_capacity(builder.size(payload.len()));
                builder.write(&mut frame, &payload).expect("a vector takes all");
                frame
            })
            .collect();
        capture::write(path, &frames.iter().map(|frame| (0, frame)).collect::<Vec<_>>());
    }

    /// What the sequencer did to one of them.
    pub(crate) fn index_and_number(frame: &Frame) -> (u64, u64) {
        let word = |at: usize| u64::from_be_bytes(frame[at..at + 8].try_into().expect("eight bytes"));
        (word(50), word(42))
    }
}

/// Where a group with a journal runs, and what is left of it.
pub(crate) struct World<'a> {
    place: &'a Place,
    disk: TempDir,
    pub(crate) input: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) journal: PathBuf,
    config: PathBuf,
    cores: &'static str,
    rate: u64,
    /// Further arguments.
    pub(crate) more: Vec<String>,
}

impl<'a> World<'a> {
    pub(crate) fn new(place: &'a Place, durability: &str, cores: &'static str, rate: u64) -> World<'a> {
        // On a real disk, not in memory: there O_DIRECT is used.
        let disk = tempfile::tempdir().expect("a directory");
        let path = |name: &str| disk.path().join(name);
        let (input, output, journal, config) = (path("in.pcap"), path("out.pcap"), path("journal"), path("group.toml"));
        let text = format!(
            "[journal]\ndirectory = {journal:?}\ndurability = \"{durability}\"\nsegment = {}\n[group]\nstate-dir = {:?}\n",
            4 << 20,
            path("state"),
        );
        fs::write(&config, text).expect("written");
        World { place, disk, input, output, journal, config, cores, rate, more: Vec::new() }
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let (input, output) = (self.input.display(), self.output.display());
        let ports = [format!("left=pcap:{input},pace={}", self.rate), format!("right=pcap::{output}")];
        let config = self.config.display().to_string();
        let mut all = vec!["--config".into(), config, "--cores".into(), self.cores.into()];
        ports.into_iter().for_each(|port| all.extend(["--port".into(), port]));
        all.extend(self.more.iter().cloned());
        all
    }

    pub(crate) fn start(&self) -> Running {
        let arguments = self.arguments();
        self.place.start("sequencer", "up", arguments.iter().map(String::as_str))
    }

    fn path(&self, name: String) -> PathBuf {
        self.disk.path().join(name)
    }

    /// Copies what has left.
    pub(crate) fn copy_output(&self, number: usize) -> PathBuf {
        let copy = self.path(format!("left-{number}.pcap"));
        fs::copy(&self.output, &copy).expect("copied");
        copy
    }

    /// Waits until so many more batches are on the disk.
    pub(crate) fn until_written(&self, running: &mut Running, record: &GroupRecord, batches: u64) {
        // A new gateway counts from the beginning.
        let (mut last, mut seen) = (record.stat(Stat::JournalBatches), 0);
        running.until("the journal", |_| {
            let now = record.stat(Stat::JournalBatches);
            seen += if now >= last { now - last } else { now };
            last = now;
            seen >= batches || record.stopping()
        });
    }

    /// Copies the journal as it is on the disk, from its end to its beginning: a batch is written when the one before is there.
    pub(crate) fn copy_journal(&self, number: usize) -> PathBuf {
        let copy = self.path(format!("journal-{number}"));
        for run in sorted(&self.journal).into_iter().rev().filter(|path| path.is_dir()) {
            let to = copy.join(run.file_name().expect("a name"));
            fs::create_dir_all(&to).expect("created");
            for file in sorted(&run).into_iter().rev() {
                copy_backwards(&file, &to.join(file.file_name().expect("a name")));
            }
        }
        copy
    }

    /// The disk as it was: what had left, and the journal.
    pub(crate) fn put_back(&self, left: &Path, copy: &Path) {
        fs::copy(left, &self.output).expect("copied");
        fs::remove_dir_all(&self.journal).expect("removed");
        for run in sorted(copy) {
            let to = self.journal.join(run.file_name().expect("a name"));
            fs::create_dir_all(&to).expect("created");
            for file in sorted(&run) {
                fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("copied");
            }
        }
    }
}

fn sorted(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> =
        fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all
}

fn copy_backwards(from: &Path, to: &Path) {
    let (source, copy) = (File::open(from).expect("opened"), File::create(to).expect("created"));
    let length = source.metadata().expect("there").len();
    copy.set_len(length).expect("set");
    let mut at = length.next_multiple_of(BLOCK);
    let mut block = vec![0; BLOCK as usize];
    while at > 0 {
        at -= BLOCK;
        let part = &mut block[..(length - at).min(BLOCK) as usize];
        source.read_exact_at(part, at).expect("read");
        if part.iter().any(|&byte| byte != 0) {
            copy.write_all_at(part, at).expect("written");
        }
    }
}

/// Tears the last batch of a journal: of its blocks some are there, one is there in part, and some are not.
pub(crate) fn tear(journal: &Path, seed: u64) {
    let run = sorted(journal).into_iter().rfind(|path| path.is_dir()).expect("a run");
    for segment in sorted(&run).into_iter().rev().filter(|path| path.extension().is_some_and(|end| end == "segment")) {
        let file = File::options().read(true).write(true).open(&segment).expect("opened");
        let length = file.metadata().expect("there").len();
        let mut block = vec![0; BLOCK as usize];
        for at in (0..length / BLOCK).rev().map(|block| block * BLOCK) {
            file.read_exact_at(&mut block, at).expect("read");
            if block.starts_with(MAGIC) {
                let batch = u64::from_le_bytes(block[32..40].try_into().expect("eight bytes"));
                let cut = (seed * 7919 + 13) % batch;
                let rest = (batch - cut).min(1 + seed * 997) as usize;
                let bytes = vec![if seed.is_multiple_of(2) { 0 } else { 0xa5 }; rest];
                file.write_all_at(&bytes, at + cut).expect("written");
                return;
            }
        }
    }
    panic!("no batch to tear in {}", run.display());
}
