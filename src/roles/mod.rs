//! What the processes of a group do: the same executable, re-executed with a hidden first argument.
//!
//! Invariant: a process touches nothing of the group before it has checked that it is of the same build, configuration and layout,
//! and, for members, before it has claimed its slot.

mod keeping;
mod member;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant as Clock};

use ftmb_netio::group_dir::GroupDir;
use ftmb_netio::group_record::{GroupRecord, Identity, MemberError, Phase};
use ftmb_runtime::instance::Instance;
use ftmb_runtime::middlebox::Middlebox;

use crate::config::Config;
use crate::{Error, Result};
use keeping::{Held, Keeping, Places};

/// The hidden first argument.
pub(crate) const MARK: &str = "__ftmb";

/// Longest sleep of a member: how soon it notices that its group is gone.
const MAX_SLEEP: Duration = Duration::from_millis(100);

/// What a process is re-executed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Input logger, output logger and supervisor.
    Gateway,
    /// Standby, and master once promoted.
    Member,
    /// Keeper of the image, where there is no standby.
    Keeper,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Gateway => "gateway",
            Role::Member => "member",
            Role::Keeper => "keeper",
        }
    }
}

/// What a process with these arguments, those that follow the mark, calls itself in its messages.
pub(crate) fn called(arguments: &[OsString]) -> &'static str {
    let all = [Role::Gateway, Role::Member, Role::Keeper].map(Role::name);
    all.into_iter().find(|name| arguments.first().is_some_and(|first| first == name)).unwrap_or("process")
}

/// A slot that this process has claimed.
#[derive(Debug)]
struct Claimed {
    record: GroupRecord,
    slot: usize,
}

/// Runs this process's role. `arguments`: what follows the mark.
pub(crate) fn run<M: Middlebox>(
    arguments: &[OsString],
    make: impl Fn(&Config, usize) -> Result<Instance<M>>,
    gateway: impl FnOnce(&GroupDir) -> Result<()>,
) -> Result<()> {
    let text = |at: usize| arguments.get(at).and_then(|argument| argument.to_str()).unwrap_or("");
    let dir = GroupDir::at(arguments.get(1).map(PathBuf::from).unwrap_or_default());
    if text(0) == Role::Gateway.name() {
        return gateway(&dir);
    }
    let number = |at: usize| text(at).parse::<u64>().map_err(|_| Error::Arguments { found: format!("{arguments:?}") });
    let (slot, token) = (number(2)? as usize, number(3)?);
    let record = GroupRecord::open_any(&dir.record_path())?;
    let Some(claimed) = member::claim(record, slot, token) else { return Ok(()) };
    let config = Config::stored(&dir)?;
    match text(0) {
        name if name == Role::Member.name() => {
            member::run(&dir, &config, &claimed, make(&config, claimed.record.cores()))
        }
        name if name == Role::Keeper.name() => {
            let kept = keep(&dir, &config, &claimed);
            if kept.is_err() {
                claimed.record.member(slot).fail(MemberError::Damaged, 0);
                claimed.record.gateway_bell().ring();
            }
            kept
        }
        _ => Err(Error::Arguments { found: format!("{arguments:?}") }),
    }
}

/// Keeps the image until the group ends.
fn keep(dir: &GroupDir, config: &Config, claimed: &Claimed) -> Result<()> {
    let Claimed { record, slot } = claimed;
    let member = record.member(*slot);
    member.set_phase(Phase::Loading);
    let places = Places::of(dir, config.state_dir());
    let logs = dir.open_logs(record.cores(), record.fingerprint())?;
    let (mut held, image) = Held::load(record, &places, &())?;
    let mut keeping = Keeping::start(record, *slot, places, image, logs.ckpt.clone())?;
    let bell = record.member_bell(*slot);
    bell.adopt();
    member.set_phase(Phase::Keeper);
    record.gateway_bell().ring();
    let mut looked = Clock::now();
    while !is_orphan(record, &mut looked) {
        let mut stepped = Ok(false);
        let ready = || {
            stepped = keeping.step(&mut held, &());
            !matches!(stepped, Ok(false))
        };
        bell.wait(ready, MAX_SLEEP);
        stepped?;
    }
    Ok(())
}

/// Whether nobody is left who would ever end this process: looked up once a second.
fn is_orphan(record: &GroupRecord, looked: &mut Clock) -> bool {
    if looked.elapsed() < Duration::from_secs(1) {
        return false;
    }
    *looked = Clock::now();
    let gone = |process: Option<Identity>| process.is_some_and(|process| Identity::of(process.pid) != Some(process));
    gone(record.parent()) && gone(record.gateway())
}
