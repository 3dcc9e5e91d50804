//! `tap`: streams what the logs see, as a capture. Invariant: the group does not notice; frames come in the order of their log, each
//! core's at least, none twice; what was too fast to be seen is counted and said.
//!
//! *in* shows what was stamped, *out* what has left, at the ports. A frame whose checksum is left to the interface shows it incomplete, as any
//! capture on a sending host does.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use ftmb_netio::group_dir::{GroupDir, GroupLogs};
use ftmb_netio::group_record::GroupRecord;
use ftmb_netio::port::pcap::PcapStream;
use ftmb_runtime::frame::{InHeader, KIND_PACKET, split_in, split_out};
use ftmb_runtime::log::{Followed, Follower};
use ftmb_runtime::packet::PortId;

use super::select::Selection;
use super::{CommandError, Signals};
use crate::Result;
use crate::config::Config;

/// Between two looks at logs that had nothing.
const ROUND: Duration = Duration::from_millis(1);

/// What to show of which group.
#[derive(Clone, Debug, Args)]
pub(super) struct TapOptions {
    /// What was stamped on its way in, or what has left
    side: Side,
    /// Where the capture goes: a file, or `-` for standard output (`| tcpdump -r -`, `| wireshark -k -i -`)
    #[arg(long, value_name = "FILE")]
    pcap: PathBuf,
    /// Only what came in (left) by this port
    #[arg(long, value_name = "NAME")]
    port: Option<String>,
    /// End after so many frames
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    count: u64,
    #[command(flatten)]
    selection: Selection,
}

/// One side of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    /// What was stamped.
    In,
    /// What has left.
    Out,
}

/// A frame on its way to the capture.
#[derive(Debug)]
struct Seen {
    /// Unix time of the arrival of the input, ns.
    timestamp: u64,
    port: PortId,
    bytes: Vec<u8>,
}

/// One core's log.
#[derive(Debug)]
struct Lane {
    follower: Follower,
    /// Read, and not yet known to have left.
    waiting: VecDeque<(u64, Seen)>,
    /// The last output that was shown; what recovery makes again is not shown again.
    shown: u64,
}

/// What is watched.
#[derive(Debug)]
struct Tap {
    side: Side,
    record: GroupRecord,
    logs: GroupLogs,
    epoch: u64,
    lanes: Vec<Lane>,
    /// Bytes of log that were overwritten unseen.
    missed: u64,
}

pub(super) fn run(options: &TapOptions, program: &str) -> Result<()> {
    let (dir, record) = options.selection.open(program)?;
    let port = options.port.as_deref().map(|name| port(&dir, name)).transpose()?;
    let mut tap = Tap::start(options.side, &dir, record)?;
    let signals = Signals::catch()?;
    let written = match options.pcap.as_os_str() == "-" {
        true => tap.stream(BufWriter::new(io::stdout().lock()), port, options.count, &signals),
        false => create(&options.pcap).and_then(|file| tap.stream(file, port, options.count, &signals)),
    };
    if tap.missed > 0 {
        eprintln!("{} bytes of the logs were overwritten before they could be shown", tap.missed);
    }
    match written {
        // Who reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other.map_err(|source| CommandError::Capture { path: options.pcap.clone(), source })?),
    }
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    File::create(path).map(BufWriter::new)
}

/// The port of this name.
fn port(dir: &GroupDir, name: &str) -> Result<PortId> {
    let ports = Config::stored(dir)?.port_names();
    Ok(ports.id(name).map_err(CommandError::from)?)
}

impl Tap {
    /// Begins with what comes from now on.
    fn start(side: Side, dir: &GroupDir, record: GroupRecord) -> Result<Tap> {
        let logs = dir.open_logs(record.cores(), record.fingerprint())?;
        let mut tap = Tap { side, epoch: record.epoch(), record, logs, lanes: Vec::new(), missed: 0 };
        for core in 0..tap.record.cores() {
            let follower = tap.follow(core, false);
            tap.lanes.push(Lane { follower, waiting: VecDeque::new(), shown: tap.record.released(core).ordinal });
        }
        Ok(tap)
    }

    fn follow(&self, core: usize, from_start: bool) -> Follower {
        let log = match self.side {
            Side::In => &self.logs.input[core],
            Side::Out => &self.logs.out[core][self.record.current().map_or(0, |epoch| epoch.set)],
        };
        // Of `out`, what is not released will be; it is not trimmed before.
        let from = if from_start {
            0
        } else if self.side == Side::In {
            log.tail()
        } else {
            log.trimmed()
        };
        Follower::new(log.clone(), from)
    }

    /// Shows frames until there were `count`, the group ends, or a signal comes.
    fn stream(&mut self, out: impl Write, port: Option<PortId>, count: u64, signals: &Signals) -> io::Result<()> {
        let mut capture = PcapStream::new(out)?;
        capture.flush()?;
        let mut shown = 0;
        while shown < count && !signals.came() {
            let ended = self.record.ended() != 0;
            let mut seen = self.look();
            // Each core's frames are in order; between cores the arrival decides as far as they were seen together.
            seen.sort_by_key(|seen| seen.timestamp);
            let idle = seen.is_empty();
            for seen in seen.iter().filter(|seen| port.is_none_or(|port| port == seen.port)) {
                if shown == count {
                    break;
                }
                capture.frame(seen.timestamp, &seen.bytes)?;
                shown += 1;
            }
            if !idle {
                capture.flush()?;
            } else if ended {
                break;
            } else {
                std::thread::sleep(ROUND);
            }
        }
        capture.flush()
    }

    /// What is to be shown now.
    fn look(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        let epoch = self.record.epoch();
        for core in 0..self.lanes.len() {
            self.read(core);
            self.settle(core, &mut seen);
        }
        if epoch != self.epoch {
            // What was not shown is made again, or was never released.
            self.epoch = epoch;
            if self.side == Side::Out {
                for core in 0..self.lanes.len() {
                    self.lanes[core].waiting.clear();
                    self.lanes[core].follower = self.follow(core, true);
                }
            }
        }
        seen
    }

    /// Reads what a core's log has.
    fn read(&mut self, core: usize) {
        let lane = &mut self.lanes[core];
        while let Some(followed) = lane.follower.next() {
            match followed {
                Followed::Frame(frame) if frame.kind == KIND_PACKET => match self.side {
                    Side::In => {
                        if let Some((header, bytes)) = split_in(frame.payload) {
                            lane.waiting.push_back((0, Seen::new(header, bytes)));
                        }
                    }
                    Side::Out => {
                        if let Some((header, bytes)) = split_out(frame.payload) {
                            lane.waiting.push_back((header.ordinal.get(), Seen::new(&header.input, bytes)));
                        }
                    }
                },
                Followed::Frame(_) | Followed::Restarted => {}
                Followed::Missed { from, to } => self.missed += to.saturating_sub(from),
            }
        }
    }

    /// Moves what has left to `seen`.
    fn settle(&mut self, core: usize, seen: &mut Vec<Seen>) {
        let released = self.record.released(core);
        let lane = &mut self.lanes[core];
        let limit = match self.side {
            Side::In => u64::MAX,
            Side::Out if released.epoch == self.epoch => released.ordinal,
            // Another epoch may count on with other frames: they are in its own log.
            Side::Out => lane.shown,
        };
        while lane.waiting.front().is_some_and(|(ordinal, _)| *ordinal <= limit) {
            let Some((ordinal, frame)) = lane.waiting.pop_front() else { break };
            if self.side == Side::In || ordinal > lane.shown {
                lane.shown = ordinal;
                seen.push(frame);
            }
        }
    }
}

impl Seen {
    fn new(header: &InHeader, bytes: &[u8]) -> Seen {
        let timestamp = header.arrival.get().wrapping_add_signed(header.wall.get());
        Seen { timestamp, port: PortId(header.port.get()), bytes: bytes.to_vec() }
    }
}
