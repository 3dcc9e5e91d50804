//! The parent of a group: makes its directory, starts its gateway and starts it again, ends it, cleans up.
//!
//! Invariant: whatever way it ends, but by being killed itself, no process and no file of the group is left. It is a child
//! subreaper: members that outlive their gateway become its children, and are reaped at once, so that a pid in the group record
//! is never that of a process that has ended long ago.

mod ends;
mod stale;
pub(crate) mod state;

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ftmb_netio::group_dir::{GroupDir, GroupLogs};
use ftmb_netio::group_record::{Birth, GroupRecord, Identity, Stat};
use ftmb_netio::port::PortKind;
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, set_child_subreaper, wait};

use super::metrics::{Door, Endpoint};
use super::observe::Observer;
use super::{CommandError, gateway, past, process};
use crate::config::Config;
use crate::{Result, roles};
use ends::{describe, reason};

/// How long a group may take to end in good order: its gateway drains for 10 s at most.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// Gateways that fail by themselves before the parent gives up: in 16 s, with the delays between them. An interface that was
/// deleted may be made again meanwhile.
const MAX_FAILURES: u64 = 10;
/// This many are started again at once.
const FREE_FAILURES: u64 = 2;
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LAST_DELAY: Duration = Duration::from_secs(4);
/// A gateway that has run for so long had no error that it was bound to have again.
const LONG: Duration = Duration::from_secs(10);

/// How the group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// The gateway runs.
    Running,
    /// The gateway had ended; another one has been started.
    Restarted,
    /// The group has ended, in good order.
    Ended,
}

/// A group that this process has started.
#[derive(Debug)]
pub(crate) struct Parent {
    dir: GroupDir,
    config: Config,
    record: GroupRecord,
    logs: GroupLogs,
    quiet: bool,
    gateway: Option<Pid>,
    /// When it was started.
    started: Instant,
    /// When the next one is to be started, if there is none.
    due: Option<Instant>,
    /// Gateways that ended by themselves without the group getting on.
    failures: u64,
    ended: bool,
    /// Answers as long as the group is there.
    _metrics: Option<Endpoint>,
}

impl Parent {
    /// Creates a group, or makes it again from the unfinished run of its journal, and starts its gateway. `layout`: of the
    /// middlebox's state; `quiet`: what processes of the group print to standard output goes nowhere, and there is no past: a
    /// group that nobody saw is not gone on with.
    pub(crate) fn start(config: Config, layout: u64, seed: u64, quiet: bool) -> Result<Parent> {
        set_child_subreaper(Some(getpid())).map_err(|errno| CommandError::io("becoming a subreaper")(errno.into()))?;
        // Before anything is made: an address that is taken is refused at once.
        let door = config.metrics().map(Door::open).transpose().or_else(|error| {
            // Most likely by the group itself, which runs.
            stale::refuse_running(config.directory(), config.name())?;
            Err(crate::Error::from(error))
        })?;
        // Until the record names this process, nobody else may take its directory for a stale one.
        let starting = GroupDir::lock(config.directory())?;
        stale::clear(config.directory(), config.name())?;
        let dir = GroupDir::create(config.directory(), config.name())?;
        // From here on, a failure leaves nothing behind.
        let litter = Litter(Some(dir.clone()));
        let past = if quiet { None } else { past::find(&config, layout)? };
        let (config, record, logs) = match past {
            Some(past) => {
                state::make(&past.config)?;
                let record = past.recovery.rebuild(&dir, past.config.state_dir())?;
                record.set_parent(Identity::mine());
                let logs = dir.open_logs(record.cores(), record.fingerprint())?;
                (past.config, record, logs)
            }
            None => {
                let config = state::settle(config, dir.free()?)?;
                state::make(&config)?;
                dir.write_config(config.bytes())?;
                let fingerprint = config.fingerprint(config.cores(), layout);
                let record = GroupRecord::create(&dir.record_path(), fingerprint, Birth::now(config.cores(), seed))?;
                record.set_parent(Identity::mine());
                let in_memory = config.ports().iter().any(|port| matches!(port.kind(), PortKind::Memory));
                let sizes = config.sizes().over(dir.choose_sizes(config.cores(), in_memory)?);
                let logs = dir.create_logs(config.cores(), sizes, fingerprint, in_memory)?;
                (config, record, logs)
            }
        };
        drop(starting);
        litter.keep();
        let mut parent = Parent::begin(dir, config, record, logs, quiet)?;
        if let Some(door) = door {
            parent._metrics = Some(door.answer(Observer::new(parent.dir.clone(), parent.record.clone()))?);
        }
        Ok(parent)
    }

    /// Starts the gateway of a group whose directory is made already.
    pub(crate) fn of(dir: GroupDir, config: Config, record: GroupRecord, quiet: bool) -> Result<Parent> {
        set_child_subreaper(Some(getpid())).map_err(|errno| CommandError::io("becoming a subreaper")(errno.into()))?;
        let litter = Litter(Some(dir.clone()));
        record.set_parent(Identity::mine());
        let logs = dir.open_logs(record.cores(), record.fingerprint())?;
        litter.keep();
        Parent::begin(dir, config, record, logs, quiet)
    }

    fn begin(dir: GroupDir, config: Config, record: GroupRecord, logs: GroupLogs, quiet: bool) -> Result<Parent> {
        let mut parent = Parent {
            dir,
            config,
            record,
            logs,
            quiet,
            gateway: None,
            started: Instant::now(),
            due: None,
            failures: 0,
            ended: false,
            _metrics: None,
        };
        parent.start_gateway()?;
        Ok(parent)
    }

    /// Looks after the group until it ends by itself, in good order.
    pub(crate) fn until_ended(&mut self, patience: Duration, interrupted: impl Fn() -> bool) -> Result<()> {
        let since = Instant::now();
        while self.look()? != Health::Ended {
            if interrupted() {
                return Err(CommandError::Interrupted.into());
            }
            if since.elapsed() > patience {
                let what = "the end of what was recorded";
                return Err(CommandError::Timeout { what, waited: patience }.into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn start_gateway(&mut self) -> Result<()> {
        let mut command = gateway::command(&self.dir, roles::Role::Gateway);
        // A group of its own: an interrupt from the terminal is for the parent, which ends the rest in order.
        command.process_group(0);
        if self.quiet {
            command.stdout(Stdio::null());
        }
        let child = command.spawn().map_err(CommandError::io("starting the gateway"))?;
        // Reaped by `reap`, together with the members that it leaves behind.
        self.gateway = Some(Pid::from_child(&child));
        self.started = Instant::now();
        Ok(())
    }

    /// The group record.
    pub(crate) fn record(&self) -> &GroupRecord {
        &self.record
    }

    /// The logs.
    pub(crate) fn logs(&self) -> &GroupLogs {
        &self.logs
    }

    /// The configuration as it is stored.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Looks after the group without waiting: reaps, and starts the gateway again if it has ended.
    pub(crate) fn look(&mut self) -> Result<Health> {
        let Some(status) = self.reap() else { return self.start_if_due() };
        match self.record.ended() {
            0 => {}
            1 => {
                self.ended = true;
                return Ok(Health::Ended);
            }
            code => return Err(CommandError::Ended { why: reason(code) }.into()),
        }
        // Killed: that is what it is there to survive. Otherwise it has an error that it may have again.
        let killed = status.signaled() && self.record.active() != 0;
        if killed || self.started.elapsed() >= LONG {
            self.failures = 0;
        }
        self.failures += u64::from(!killed);
        let hopeless = self.record.active() == 0 && status.exited();
        let (how, failures) = (describe(status), self.failures);
        if hopeless || failures >= MAX_FAILURES {
            return Err(CommandError::Gateway { how, failures }.into());
        }
        let delay = if self.record.stopping() { Duration::ZERO } else { delay(failures) };
        let delay_ms = delay.as_millis() as u64;
        tracing::warn!(
            how,
            failures,
            delay_ms,
            "the gateway has ended and is started again; what it had stamped is kept"
        );
        self.due = Some(Instant::now() + delay);
        self.start_if_due()
    }

    fn start_if_due(&mut self) -> Result<Health> {
        let Some(due) = self.due else { return Ok(Health::Running) };
        if due > Instant::now() && !self.record.stopping() {
            // In place of the gateway: whoever watches the group (systemd) must not take waiting for hanging.
            self.record.set_stat(Stat::Heartbeat, self.record.now());
            return Ok(Health::Running);
        }
        self.due = None;
        self.start_gateway()?;
        Ok(Health::Restarted)
    }

    /// Reaps all children that have ended; returns how the gateway ended, if it did.
    fn reap(&mut self) -> Option<WaitStatus> {
        let mut ended = None;
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if self.gateway == Some(pid) {
                self.gateway = None;
                ended = Some(status);
            } else {
                // A member that a gateway before this one had started: the present one sees its end, but not how it came.
                tracing::info!(pid = pid.as_raw_nonzero().get(), how = describe(status), "an adopted member has ended");
            }
        }
        ended
    }

    /// Waits until `done`, looking after the group.
    pub(crate) fn wait(
        &mut self,
        what: &'static str,
        patience: Duration,
        interrupted: impl Fn() -> bool,
        mut done: impl FnMut(&Parent) -> bool,
    ) -> Result<()> {
        let since = Instant::now();
        while !done(self) {
            if interrupted() {
                return Err(CommandError::Interrupted.into());
            }
            if self.look()? == Health::Ended {
                return Err(CommandError::Ended { why: "it was told to" }.into());
            }
            if since.elapsed() > patience {
                return Err(CommandError::Timeout { what, waited: patience }.into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Ends the group in good order: what is stamped is processed and released first. Then nothing is left of it. `meanwhile` is
    /// called again and again, and says whether there is no time for that.
    pub(crate) fn stop(mut self, mut meanwhile: impl FnMut(&GroupRecord) -> bool) -> Result<()> {
        self.record.stop();
        self.record.gateway_bell().ring();
        let since = Instant::now();
        while !self.ended && since.elapsed() < PATIENCE {
            self.look()?;
            if meanwhile(&self.record) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if !self.ended {
            let waited_s = since.elapsed().as_secs();
            tracing::warn!(
                waited_s,
                "the group is killed before it has ended in good order: what it had stamped is lost"
            );
        }
        Ok(())
    }

    fn clean(&mut self) -> Result<()> {
        // The gateway first: it would start what is killed again.
        let gateway = self.gateway.and_then(|pid| Identity::of(pid.as_raw_nonzero().get() as u32));
        let all = gateway.into_iter().chain(process::members(&self.record));
        for identity in all.collect::<Vec<_>>() {
            process::kill(identity)?;
        }
        let since = Instant::now();
        // A gateway may have started one more just before it was killed: as orphans, they are our children now.
        while since.elapsed() < Duration::from_secs(2) {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    for identity in process::members(&self.record) {
                        process::kill(identity)?;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => break,
            }
        }
        state::clean(&self.config)?;
        self.dir.remove()?;
        Ok(GroupDir::remove_empty_root(self.config.directory())?)
    }
}

/// How long to wait after so many failures in a row.
fn delay(failures: u64) -> Duration {
    match failures.checked_sub(FREE_FAILURES + 1) {
        None => Duration::ZERO,
        Some(more) => (FIRST_DELAY * (1 << more.min(10))).min(LAST_DELAY),
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        if let Err(error) = self.clean() {
            tracing::error!(?error, "something of the group is left");
        }
    }
}

/// A directory that is removed unless it is kept.
struct Litter(Option<GroupDir>);

impl Litter {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Litter {
    fn drop(&mut self) {
        if let Some(dir) = self.0.take()
            && let Err(error) = dir.remove()
        {
            tracing::error!(%error, "something of the group is left");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_fails_is_tried_for_a_quarter_of_a_minute() {
        assert_eq!((delay(0), delay(2)), (Duration::ZERO, Duration::ZERO));
        assert_eq!((delay(3), delay(4)), (FIRST_DELAY, 2 * FIRST_DELAY));
        let all: Duration = (1..MAX_FAILURES).map(delay).sum();
        assert_eq!(all, Duration::from_millis(15_750));
    }
}
