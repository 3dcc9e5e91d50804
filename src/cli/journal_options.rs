//! Options of the journal. Invariant: each of them has a setting of the same meaning in the `[journal]` table.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ftmb_netio::journal::{Durability, WhenFull, WhenSlow};

use crate::config::JournalOverrides;

/// What is written to survive a power loss.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct JournalOptions {
    /// Directory of the journal: inputs and determinants go to disk, and a group goes on from there after a power loss
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// What waits for the journal's disk: nothing is even forced to it, nobody waits, or outputs do [default: async]
    #[arg(long, value_parser = durability())]
    durability: Option<Durability>,
    /// If the journal's disk is slow: wait for it, or go on without for a while [default: wait]
    #[arg(long, value_parser = when_slow())]
    when_slow: Option<WhenSlow>,
    /// If the journal's disk is full or fails: go on without for a while, or stop the group [default: suspend]
    #[arg(long, value_parser = when_full())]
    when_full: Option<WhenFull>,
}

fn durability() -> impl TypedValueParser<Value = Durability> {
    PossibleValuesParser::new(["none", "async", "sync"]).map(|name| match name.as_str() {
        "none" => Durability::None,
        "sync" => Durability::Sync,
        _ => Durability::Async,
    })
}

fn when_slow() -> impl TypedValueParser<Value = WhenSlow> {
    PossibleValuesParser::new(["wait", "suspend"])
        .map(|name| if name == "wait" { WhenSlow::Wait } else { WhenSlow::Suspend })
}

fn when_full() -> impl TypedValueParser<Value = WhenFull> {
    PossibleValuesParser::new(["suspend", "stop"])
        .map(|name| if name == "stop" { WhenFull::Stop } else { WhenFull::Suspend })
}

impl JournalOptions {
    /// As the configuration takes them.
    pub(crate) fn overrides(&self) -> JournalOverrides {
        JournalOverrides {
            directory: self.journal.clone(),
            durability: self.durability,
            when_slow: self.when_slow,
            when_full: self.when_full,
        }
    }
}
