//! `up`: runs a group until it is interrupted or its captures have been read. Invariant: when it returns, everything that was
//! stamped has been processed and released, and nothing of the group is left.

use std::time::{Duration, Instant};

use clap::Args;
use ftmb_netio::group_record::{CoreStat, GroupRecord, Stat};
use ftmb_netio::port::{PortKind, PortSpec};

use super::parent::{Health, PATIENCE, Parent};
use super::systemd::Notifier;
use super::table::{bytes, count, many, ns};
use super::{CommandError, GroupOptions, Program, Signals, print};
use crate::Result;
use crate::config::Config;

/// How often the parent looks after the gateway without being rung.
const ROUND: Duration = Duration::from_millis(20);

/// Signals within this time are one.
const ONE_WISH: Duration = Duration::from_secs(1);

/// How to run a group.
#[derive(Clone, Debug, Args)]
pub(super) struct UpOptions {
    /// A port: NAME=device:INTERFACE[,promiscuous=no][,vnet=no], NAME=tap:INTERFACE[,persistent=yes][,vnet=no],
    /// NAME=udp:LOCAL,remote=ADDRESS[,vni=N] or NAME=pcap:[IN][:OUT][,pace=timestamps|flat|RATE]. May be given several times
    #[arg(long = "port", value_name = "NAME=KIND:...")]
    ports: Vec<PortSpec>,
    #[command(flatten)]
    pub(super) group: GroupOptions,
}

impl UpOptions {
    /// File and options together, with ports that `up` can serve.
    pub(super) fn load(&self, program: &Program<'_>) -> Result<Config> {
        let config = self.group.load(program.name, &self.ports)?;
        if config.ports().is_empty() {
            return Err(CommandError::NoPorts.into());
        }
        if let Some(port) = config.ports().iter().find(|port| matches!(port.kind(), PortKind::Memory)) {
            return Err(CommandError::MemoryPort { name: port.name().into() }.into());
        }
        Ok(config)
    }
}

pub(super) fn run(options: &UpOptions, program: &Program<'_>) -> Result<()> {
    let config = options.load(program)?;
    let layout = (program.layout)(&config)?;
    let signals = Signals::catch()?;
    let mut parent = Parent::start(config, layout, rand::random(), false)?;
    let (name, cores) = (parent.config().name().to_owned(), parent.config().cores());
    tracing::info!(name, cores, "the group is up");
    let record = parent.record().clone();
    let mut systemd = Notifier::from_environment();
    while parent.look()? != Health::Ended {
        systemd.look(&record);
        if signals.take() {
            tracing::info!("asked to end: what is stamped is processed and released first; asked once more, it is not");
            systemd.stopping(PATIENCE);
            let asked = Instant::now();
            parent.stop(|record| {
                systemd.look(record);
                // What comes at the same time, as from a terminal that closes, is one and the same wish.
                signals.take() && asked.elapsed() > ONE_WISH
            })?;
            break;
        }
        record.parent_bell().wait(|| signals.came(), ROUND);
    }
    print(&summary(&name, &record))
}

/// What was done, in words.
fn summary(name: &str, record: &GroupRecord) -> String {
    let sum = |stat| (0..record.cores()).map(|core| record.core_stat(core, stat)).sum::<u64>();
    let (checkpoints, takeovers) = (record.stat(Stat::Checkpoints), record.stat(Stat::Takeovers));
    let mut text = format!(
        "{name}: {} packets in ({}), {} released ({}) in {}; {}, {}\n",
        count(sum(CoreStat::Stamped)),
        bytes(sum(CoreStat::StampedBytes)),
        count(sum(CoreStat::Released)),
        bytes(sum(CoreStat::ReleasedBytes)),
        ns(record.now()),
        many(checkpoints, "checkpoint"),
        many(takeovers, "takeover"),
    );
    let mut mention = |stat, what: &str| {
        let number = record.stat(stat);
        if number != 0 {
            text += &format!("{name}: {} {what}\n", count(number));
        }
    };
    mention(Stat::DroppedAtDoor, "packets dropped at the door, because an input log was full");
    mention(Stat::Oversized, "packets refused, because they are longer than 66 KiB");
    mention(Stat::SendErrors, "outputs refused by their port");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftmb_netio::group_record::Birth;

    #[test]
    fn the_summary_mentions_drops_only_if_there_are_any() {
        let record = GroupRecord::anonymous(Birth::now(2, 0)).expect("memory");
        record.add_core_stat(0, CoreStat::Stamped, 1500);
        record.add_core_stat(1, CoreStat::Stamped, 500);
        let text = summary("nat", &record);
        assert!(text.starts_with("nat: 2,000 packets in (0 B), 0 released (0 B) in "), "{text}");
        assert_eq!(text.lines().count(), 1);
        record.add_stat(Stat::DroppedAtDoor, 3);
        let text = summary("nat", &record);
        assert_eq!(text.lines().nth(1), Some("nat: 3 packets dropped at the door, because an input log was full"));
    }
}
