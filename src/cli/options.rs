//! Options of commands that start a group. Invariant: each of them has a setting of the same name in the configuration file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ftmb_netio::port::PortSpec;
use ftmb_netio::supervisor::StandbyMode;
use ftmb_runtime::worker::Polling;

use super::journal_options::JournalOptions;
use crate::config::{Config, ConfigError, Overrides};

/// How to start a group.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct GroupOptions {
    /// Configuration file (TOML); options on the command line win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Worker threads, 1 to 32
    #[arg(long, value_name = "N")]
    cores: Option<u64>,
    /// Who takes over: a process that follows the checkpoints, or nobody (restart from the image)
    #[arg(long, value_parser = standby())]
    standby: Option<StandbyMode>,
    /// How cores wait for packets: sharing their CPUs with others, or never giving them away
    #[arg(long, value_parser = polling())]
    polling: Option<Polling>,
    /// Time between ticks, in milliseconds [default: 100]
    #[arg(long, value_name = "MS")]
    tick: Option<u64>,
    /// Longest time between checkpoints, in milliseconds [default: 50]
    #[arg(long, value_name = "MS")]
    checkpoint_interval: Option<u64>,
    /// Name of the group [default: that of the program]
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Where groups live [default: /dev/shm/ftmb-<uid>]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Where the checkpoint image lives [default: with the group, if there is room]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Answer Prometheus at this address, for example 127.0.0.1:9464 [default: do not]
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    journal: JournalOptions,
}

fn standby() -> impl TypedValueParser<Value = StandbyMode> {
    PossibleValuesParser::new(["passive", "none"])
        .map(|name| if name == "none" { StandbyMode::None } else { StandbyMode::Passive })
}

fn polling() -> impl TypedValueParser<Value = Polling> {
    PossibleValuesParser::new(["adaptive", "dedicated"])
        .map(|name| if name == "dedicated" { Polling::Dedicated } else { Polling::Adaptive })
}

impl GroupOptions {
    /// File and options together. `name`: of the App.
    pub(crate) fn load(&self, name: &str, ports: &[PortSpec]) -> Result<Config, ConfigError> {
        let overrides = Overrides {
            name: self.instance.clone(),
            cores: self.cores,
            tick: self.tick,
            checkpoint_interval: self.checkpoint_interval,
            standby: self.standby,
            polling: self.polling,
            directory: self.directory.clone(),
            state_dir: self.state_dir.clone(),
            metrics: self.metrics,
            ports: ports.to_vec(),
            journal: self.journal.overrides(),
        };
        Config::load(self.config.as_deref(), &overrides, name)
    }

    /// The file that was named.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// With this many cores, unless a number was given or a file may say one.
    pub(crate) fn with_default_cores(mut self, cores: u64) -> GroupOptions {
        if self.config.is_none() {
            self.cores.get_or_insert(cores);
        }
        self
    }

    /// With this name, unless one was given.
    pub(crate) fn with_default_instance(mut self, name: impl FnOnce() -> String) -> GroupOptions {
        self.instance.get_or_insert_with(name);
        self
    }
}
