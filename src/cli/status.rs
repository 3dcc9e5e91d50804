//! `status`: how a group is, for people and for programs. Invariant: it only looks; a group never notices.

use clap::Args;

use super::observe::{Observer, text};
use super::select::Selection;
use super::{CommandError, print};
use crate::Result;

/// What to show of which group.
#[derive(Clone, Debug, Args)]
pub(super) struct StatusOptions {
    #[command(flatten)]
    selection: Selection,
    /// One JSON object instead of tables; times in ns, sizes in bytes, counts since the group was created
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &StatusOptions, program: &str) -> Result<()> {
    let (dir, record) = options.selection.open(program)?;
    let snapshot = Observer::new(dir, record).look();
    if options.json {
        let json = serde_json::to_string(&snapshot).map_err(|error| CommandError::io("writing JSON")(error.into()))?;
        return print(&format!("{json}\n"));
    }
    print(&text::text(&snapshot, None))
}
