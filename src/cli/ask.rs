//! `failover` and `checkpoint`: an operator asks, and waits until it is done. Invariant: nothing is reported as done that was under
//! way before it was asked for.

use std::time::{Duration, Instant};

use ftmb_netio::group_record::GroupRecord;

use super::select::Selection;
use super::table::ns;
use super::{CommandError, print};
use crate::Result;

/// How long an operator is kept waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How often is looked.
pub(super) const ROUND: Duration = Duration::from_micros(200);

pub(super) fn failover(selection: &Selection, program: &str) -> Result<()> {
    let (_, record) = selection.open(program)?;
    let (before, since) = (record.epoch(), record.now());
    record.ask_failover();
    let (serial, _) = record.failovers();
    record.gateway_bell().ring();
    // Done when the request has been answered with a kill, and an epoch after it is active.
    wait("the next epoch to become active", &record, || {
        record.failovers().1 >= serial && later_is_active(&record, before)
    })?;
    let epoch = record.active();
    let known = record.takeover(epoch).filter(|takeover| takeover.active != 0);
    let took = known.map_or_else(
        || format!("{} after it was asked for", ns(record.now() - since)),
        |takeover| format!("{} after the old master's end was seen", ns(takeover.active - takeover.detected)),
    );
    print(&format!("epoch {epoch} is active, {took}\n"))
}

fn later_is_active(record: &GroupRecord, before: u64) -> bool {
    record.epoch() > before && record.is_active()
}

pub(super) fn checkpoint(selection: &Selection, program: &str) -> Result<()> {
    let (_, record) = selection.open(program)?;
    let since = record.now();
    let serial = record.ask_checkpoint();
    record.gateway_bell().ring();
    wait("the checkpoint to be committed", &record, || record.answered() >= serial)?;
    let took = ns(record.now() - since);
    let number = record.committed().unwrap_or(0);
    print(&format!("checkpoint {number} is committed, {took} after it was asked for\n"))
}

fn wait(what: &'static str, record: &GroupRecord, done: impl Fn() -> bool) -> Result<()> {
    let since = Instant::now();
    while !done() {
        if record.ended() != 0 {
            return Err(CommandError::Ended { why: "it was told to, or cannot go on" }.into());
        }
        if since.elapsed() > PATIENCE {
            return Err(CommandError::Timeout { what, waited: PATIENCE }.into());
        }
        std::thread::sleep(ROUND);
    }
    Ok(())
}
