//! The parent of a group: makes its directory, starts its gateway and starts it again, ends it, cleans up.
//!
//! Invariant: whatever way it ends, but by being killed itself, no process and no file of the group is left. It is a child
//! subreaper: members that outlive their gateway become its children, and are reaped at once, so that a pid in the group record
//! is never that of a process that has ended long ago.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ftmb_netio::group_dir::{GroupDir, GroupLogs};
use ftmb_netio::group_record::{Birth, GroupRecord, Identity};
use ftmb_netio::port::PortKind;
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, set_child_subreaper, wait};

use super::{CommandError, gateway, past, process};
use crate::config::Config;
use crate::{Result, roles};

/// How long a group may take to end in good order: its gateway drains for 10 s at most.
const PATIENCE: Duration = Duration::from_secs(15);
/// Gateways that fail by themselves before the parent gives up.
const MAX_FAILURES: u64 = 5;
/// Free space that the image may need and logs do not leave on a small file system, bytes.
const ROOM_FOR_IMAGE: u64 = 512 << 20;

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
    /// Gateways that ended by themselves without the group getting on.
    failures: u64,
    ended: bool,
}

impl Parent {
    /// Creates a group, or makes it again from the unfinished run of its journal, and starts its gateway. `layout`: of the
    /// middlebox's state; `quiet`: what processes of the group print to standard output goes nowhere, and there is no past: a
    /// group that nobody saw is not gone on with.
    pub(crate) fn start(config: Config, layout: u64, seed: u64, quiet: bool) -> Result<Parent> {
        set_child_subreaper(Some(getpid())).map_err(|errno| CommandError::io("becoming a subreaper")(errno.into()))?;
        let dir = GroupDir::create(config.directory(), config.name())?;
        // From here on, a failure leaves nothing behind.
        let litter = Litter(Some(dir.clone()));
        let past = if quiet { None } else { past::find(&config, layout)? };
        let (config, record, logs) = match past {
            Some(past) => {
                make_state(&past.config)?;
                let record = past.recovery.rebuild(&dir, past.config.state_dir())?;
                let logs = dir.open_logs(record.cores(), record.fingerprint())?;
                (past.config, record, logs)
            }
            None => {
                let config = with_room_for_image(config, &dir)?;
                make_state(&config)?;
                dir.write_config(config.bytes())?;
                let fingerprint = config.fingerprint(config.cores(), layout);
                let record = GroupRecord::create(&dir.record_path(), fingerprint, Birth::now(config.cores(), seed))?;
                let in_memory = config.ports().iter().any(|port| matches!(port.kind(), PortKind::Memory));
                let sizes = config.sizes().over(dir.choose_sizes(config.cores(), in_memory)?);
                let logs = dir.create_logs(config.cores(), sizes, fingerprint, in_memory)?;
                (config, record, logs)
            }
        };
        record.set_parent(Identity::mine());
        litter.keep();
        let mut parent = Parent { dir, config, record, logs, quiet, gateway: None, failures: 0, ended: false };
        parent.start_gateway()?;
        Ok(parent)
    }

    /// Starts the gateway of a group whose directory is made already.
    pub(crate) fn of(dir: GroupDir, config: Config, record: GroupRecord, quiet: bool) -> Result<Parent> {
        set_child_subreaper(Some(getpid())).map_err(|errno| CommandError::io("becoming a subreaper")(errno.into()))?;
        let litter = Litter(Some(dir.clone()));
        record.set_parent(Identity::mine());
        let logs = dir.open_logs(record.cores(), record.fingerprint())?;
        litter.keep();
        let mut parent = Parent { dir, config, record, logs, quiet, gateway: None, failures: 0, ended: false };
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
        let Some(status) = self.reap() else { return Ok(Health::Running) };
        match self.record.ended() {
            0 => {}
            1 => {
                self.ended = true;
                return Ok(Health::Ended);
            }
            code => return Err(CommandError::Ended { why: reason(code) }.into()),
        }
        // Killed: that is what it is there to survive. Otherwise it has an error that it may have again.
        if status.signaled() && self.record.active() != 0 {
            self.failures = 0;
        } else {
            self.failures += 1;
        }
        let hopeless = self.record.active() == 0 && status.exited();
        if hopeless || self.failures >= MAX_FAILURES {
            let how = describe(status);
            return Err(CommandError::Gateway { how, failures: self.failures }.into());
        }
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

    /// Ends the group in good order: what is stamped is processed and released first. Then nothing is left of it.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.record.stop();
        self.record.gateway_bell().ring();
        let since = Instant::now();
        while !self.ended && since.elapsed() < PATIENCE {
            self.look()?;
            std::thread::sleep(Duration::from_millis(1));
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
        clean_state(&self.config)?;
        self.dir.remove()?;
        Ok(())
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

fn reason(code: u64) -> &'static str {
    match code {
        2 => "replay did not reproduce what was logged or released: the middlebox is not deterministic",
        3 => "a member gave up",
        4 => "takeover after takeover failed",
        5 => "there is no room for its logs",
        7 => "its journal cannot be written, or is damaged",
        _ => "it cannot go on",
    }
}

fn describe(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => "unknown".into(),
    }
}

/// The image stays with the group if there is room for it; else it goes to the user's state directory.
fn with_room_for_image(config: Config, dir: &GroupDir) -> Result<Config> {
    if let Some(given) = config.state_dir() {
        let path = given.join(config.name());
        return Ok(config.with_state_dir(path)?);
    }
    if dir.free()? >= ROOM_FOR_IMAGE {
        return Ok(config);
    }
    let home = |name, rest: &str| std::env::var_os(name).map(|at| PathBuf::from(at).join(rest));
    let root = home("XDG_STATE_HOME", "ftmb").or_else(|| home("HOME", ".local/state/ftmb"));
    match root.map(|root| root.join(config.name())) {
        Some(path) if std::fs::create_dir_all(&path).is_ok() => Ok(config.with_state_dir(path)?),
        _ => Ok(config),
    }
}

/// Removes what a group keeps outside of its directory.
fn clean_state(config: &Config) -> Result<()> {
    let Some(path) = config.state_dir() else { return Ok(()) };
    let files = ["image", "image.lock"].map(|name| std::fs::remove_file(path.join(name)));
    for removed in files.into_iter().chain([std::fs::remove_dir_all(path.join("stage"))]) {
        if let Err(source) = removed
            && source.kind() != std::io::ErrorKind::NotFound
        {
            return Err(ftmb_netio::Error::Io { path: path.into(), step: "clean", source }.into());
        }
    }
    // Only if nothing else is in it.
    let _ = std::fs::remove_dir(path);
    Ok(())
}

/// Makes the place for what a group keeps outside of its directory.
fn make_state(config: &Config) -> Result<()> {
    clean_state(config)?;
    let Some(path) = config.state_dir() else { return Ok(()) };
    let failed = |source| ftmb_netio::Error::Io { path: path.into(), step: "create directory", source };
    Ok(std::fs::create_dir_all(path).map_err(failed)?)
}
