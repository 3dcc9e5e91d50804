//! `journal`: looks into a journal, and runs again what it has recorded. Invariant: nothing of a journal is changed, so a group may
//! write it meanwhile. (A file that the group removes just then, because it is the oldest, is an error that names it: try again.)

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use ftmb_netio::group_dir::GroupDir;
use ftmb_netio::group_record::{GroupRecord, Released};
use ftmb_netio::journal::{JournalError, Replay, Stretch, check};
use ftmb_netio::port::{PcapSpec, PortKind, PortSpec};

use super::parent::Parent;
use super::table::{bytes, count};
use super::{CommandError, Program, Signals, print};
use crate::Result;
use crate::config::Config;

/// How long a stretch may take: it is recorded packets only, as fast as they go.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Read a journal from its oldest complete checkpoint to its end, and say how it is; what is damaged is an error with file and place.
    Check(CheckOptions),
    /// Run again what a journal has recorded, without inputs and beside any group that runs, and compare it with what had left.
    Replay(ReplayOptions),
}

/// Which journal.
#[derive(Clone, Debug, Args)]
pub(super) struct CheckOptions {
    /// The directory of the journal
    directory: PathBuf,
}

/// What to run again.
#[derive(Clone, Debug, Args)]
pub(super) struct ReplayOptions {
    /// The directory of the journal
    directory: PathBuf,
    /// Which of its runs [default: the newest]
    #[arg(long, value_name = "N")]
    run: Option<u64>,
    /// Where to write what left by a port: NAME=pcap::FILE. May be given several times; what leaves by other ports is only compared
    #[arg(long, value_name = "NAME=pcap::FILE")]
    out: Vec<PortSpec>,
    /// Where groups live [default: /dev/shm/ftmb-<uid>]
    #[arg(long = "in", value_name = "DIR")]
    place: Option<PathBuf>,
}

pub(super) fn run(command: &JournalCommand, program: &Program<'_>) -> Result<()> {
    match command {
        JournalCommand::Check(options) => run_check(&options.directory),
        JournalCommand::Replay(options) => run_replay(options, program),
    }
}

fn run_check(directory: &Path) -> Result<()> {
    let mut text = String::new();
    for run in check(directory).map_err(ftmb_netio::Error::from)? {
        let state = match (run.committed, run.ended) {
            (None, _) => "nothing can be recovered from it".to_owned(),
            (Some(_), true) => "ended in good order".to_owned(),
            (Some(number), false) => {
                format!("unfinished: checkpoint {number}, epoch {}", run.epoch.unwrap_or_default())
            }
        };
        text += &format!(
            "{}: {} batches, {} segments, {} complete checkpoints, {}, fingerprint {:#018x}; {state}\n",
            run.path.display(),
            count(run.batches),
            run.segments,
            run.checkpoints,
            bytes(run.bytes),
            run.fingerprint,
        );
    }
    if text.is_empty() {
        return Err(nothing(directory, None));
    }
    print(&text)
}

fn nothing(directory: &Path, run: Option<u64>) -> crate::Error {
    let missing = match run {
        None => JournalError::Missing { path: directory.into(), expected: "a journal with a run" },
        Some(run) => {
            let path = directory.join(format!("run-{run:06}"));
            JournalError::Missing { path, expected: "a run that can be run again" }
        }
    };
    ftmb_netio::Error::from(missing).into()
}

/// What a replay came to.
#[derive(Debug, Default)]
struct Total {
    inputs: u64,
    /// Compared with what had left.
    outputs: u64,
    /// Made from inputs at the end, whose determinants may not have been recorded: then they are decided anew.
    more: u64,
}

fn run_replay(options: &ReplayOptions, program: &Program<'_>) -> Result<()> {
    let replay = Replay::open(&options.directory, options.run).map_err(ftmb_netio::Error::from)?;
    let replay = replay.ok_or_else(|| nothing(&options.directory, options.run))?;
    let recorded = Config::parse(&replay.recovery().path().join("birth"), replay.recovery().config())?;
    let layout = (program.layout)(&recorded)?;
    // By another build or state nothing would come out as it was.
    let fingerprint = recorded.fingerprint(recorded.cores(), layout);
    replay.recovery().check(fingerprint).map_err(ftmb_netio::Error::from)?;
    if let Some(unknown) = options.out.iter().find(|out| recorded.ports().iter().all(|port| port.name() != out.name()))
    {
        return Err(CommandError::NoSuchPort { name: unknown.name().into() }.into());
    }
    let signals = Signals::catch()?;
    let rerun = Rerun { options, replay: &replay, recorded, layout, signals };
    let mut total = Total::default();
    if let Some(last) = replay.stretches().last() {
        // Once with what had left held against it; its outputs go nowhere.
        rerun.stretch(last, true, false)?;
    }
    for (at, stretch) in replay.stretches().iter().enumerate() {
        let part = rerun.stretch(stretch, false, at == 0)?;
        total.inputs += part.inputs;
        total.outputs += part.outputs;
        total.more += part.more;
    }
    let first = replay.stretches().first().map_or(0, |stretch| stretch.from);
    let mut text = format!(
        "{}: checkpoints {first} to {} and what follows: {} outputs of {} inputs came out as they had been\n",
        replay.recovery().path().display(),
        replay.recovery().committed(),
        count(total.outputs),
        count(total.inputs),
    );
    if total.more > 0 {
        text += &format!(
            "{} more were not known to have left; those whose determinants were not recorded are decided anew\n",
            count(total.more)
        );
    }
    print(&text)
}

struct Rerun<'a> {
    options: &'a ReplayOptions,
    replay: &'a Replay,
    recorded: Config,
    layout: u64,
    signals: Signals,
}

impl Rerun<'_> {
    /// Runs a stretch in a group of its own; returns its inputs and outputs. `left`: what had left is compared and leaves no more,
    /// and nothing is written; `first`: files are written from their beginning.
    fn stretch(&self, stretch: &Stretch, left: bool, first: bool) -> Result<Total> {
        let root = self.options.place.clone().unwrap_or_else(GroupDir::default_root);
        let name = format!("{}-replay-{}", self.recorded.name(), std::process::id());
        let dir = GroupDir::create(&root, &name)?;
        let config = self.config(&dir, root, name, left, first);
        let made = config.and_then(|config| {
            let fingerprint = config.fingerprint(config.cores(), self.layout);
            dir.write_config(config.bytes())?;
            let record = self.replay.rebuild(stretch, &dir, None, fingerprint, left)?;
            // Nothing is to come in: it ends when all that was recorded has been run.
            record.run_again();
            Ok((config, record))
        });
        let (config, record) = match made {
            Ok(made) => made,
            Err(error) => {
                dir.remove()?;
                return Err(error);
            }
        };
        let inputs = self.inputs(&dir, &record)?;
        let before: Vec<_> = (0..record.cores()).map(|core| record.released(core).ordinal).collect();
        let mut parent = Parent::of(dir, config, record.clone(), true)?;
        parent.until_ended(PATIENCE, || self.signals.came())?;
        let mut total = Total { inputs, ..Total::default() };
        for (core, expected) in stretch.released.iter().enumerate() {
            let found = record.released(core);
            self.compare(stretch, core, expected, found)?;
            total.outputs += expected.ordinal - before[core];
            total.more += found.ordinal - expected.ordinal;
        }
        Ok(total)
    }

    fn inputs(&self, dir: &GroupDir, record: &GroupRecord) -> Result<u64> {
        let mut inputs = 0;
        for log in dir.open_logs(record.cores(), record.fingerprint())?.input {
            let mut reader = log.reader(log.trimmed());
            while reader.next()?.is_some() {
                inputs += 1;
            }
        }
        Ok(inputs)
    }

    fn compare(&self, stretch: &Stretch, core: usize, expected: &Released, found: Released) -> Result<()> {
        let same = match stretch.to {
            Some(_) => (expected.ordinal, expected.hash) == (found.ordinal, found.hash),
            // What is behind the last facts had not been said to have left, and may have.
            None => expected.ordinal <= found.ordinal,
        };
        if same {
            return Ok(());
        }
        let (to, expected) = (stretch.to, (expected.ordinal, expected.hash));
        Err(CommandError::Different { from: stretch.from, to, core, expected, found: (found.ordinal, found.hash) }
            .into())
    }

    /// The recorded configuration, with ports that only write.
    fn config(&self, dir: &GroupDir, root: PathBuf, name: String, left: bool, first: bool) -> Result<Config> {
        let mut ports = Vec::new();
        for (at, port) in self.recorded.ports().iter().enumerate() {
            let asked = self.options.out.iter().find(|out| out.name() == port.name()).filter(|_| !left);
            let spec = match asked.map(PortSpec::kind) {
                Some(PortKind::Pcap(pcap)) if pcap.input().is_none() => {
                    if let Some(file) = pcap.output().filter(|file| first && file.exists()) {
                        std::fs::remove_file(file).map_err(CommandError::io("removing an earlier capture"))?;
                    }
                    pcap.clone()
                }
                Some(_) => return Err(CommandError::NotAnOutput { name: port.name().into() }.into()),
                None => PcapSpec::writing(dir.path().join(format!("{at}.pcap"))),
            };
            ports.push(PortSpec::new(port.name(), PortKind::Pcap(spec)).expect("it has been the name of a port"));
        }
        Ok(self.recorded.clone().for_replay(root, name, ports)?)
    }
}
