//! The supervisor: keeps a master and a standby (or a keeper) alive. Invariant: at most one master writes into the logs of an
//! epoch: the next epoch is decided only after the exit of the old master was seen (protocol 6), and everything that is decided
//! stands in the group record, so that a gateway killed anywhere is continued by the next one.
//!
//! | found | done |
//! | --- | --- |
//! | no epoch yet | start a member, epoch 1 with it as master |
//! | the master has ended | close, cut and empty the logs ([`OutputLogger::prepare`]); promote a standby, or start a member from the image; next epoch |
//! | an active epoch and no standby (keeper) | start one |
//! | the operator asks for a failover | kill the master |
//!
//! A restarted gateway adopts the members it finds in the record; a process that was started but has not claimed its slot when
//! the gateway died is given up on and exits by itself.

mod process;
mod watcher;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tracing::{error, info, warn};

use crate::error::Error;
use crate::group_record::{GroupRecord, MEMBERS, Member, MemberError, Phase, Role, Stat, Takeover};
use crate::output_logger::{Outlet, OutputLogger};
use process::Process;
use watcher::Watcher;

/// Who keeps the image, and whether somebody is ready to take over at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StandbyMode {
    /// A keeper of the image only: recovery starts a process from the image.
    None,
    /// A standby that applies committed checkpoints to live objects and to the image.
    #[default]
    Passive,
}

impl StandbyMode {
    fn role(self) -> Role {
        match self {
            StandbyMode::None => Role::Keeper,
            StandbyMode::Passive => Role::Standby,
        }
    }
}

/// A process to start: it must claim `slot` with `token` first thing ([`Member::claim`]) and exit at once if it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// What it is to be. A [`Role::Standby`] becomes master when the epoch record names its slot.
    pub role: Role,
    /// Its slot.
    pub slot: usize,
    /// To claim it with.
    pub token: u64,
}

/// Makes the command that starts a member.
pub type Factory = Box<dyn FnMut(&Launch) -> Command + Send>;

/// Recoveries in a row without a checkpoint in between before the supervisor gives up. One that got on, and whose master was
/// then killed by a signal from outside, begins a new row.
pub const MAX_FAILURES: u64 = 12;
/// This many come without delay.
const FREE_FAILURES: u64 = 3;
const FIRST_DELAY: u64 = 10_000_000;
const LAST_DELAY: u64 = 1_000_000_000;
/// A standby that keeps dying is started again this late; the group works without it.
const STANDBY_DELAY: u64 = 3_000_000_000;
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts, watches and fences members.
pub struct Supervisor {
    record: GroupRecord,
    factory: Factory,
    mode: StandbyMode,
    watcher: Watcher,
    processes: [Option<Process>; MEMBERS],
    serial: u64,
    /// When the end of the current master was seen.
    detected: Option<u64>,
    not_before: u64,
    standby_failures: u64,
    standby_not_before: u64,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor")
            .field("mode", &self.mode)
            .field("processes", &self.processes)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A supervisor of a group, fresh or restarted: it adopts the members that are alive.
    ///
    /// # Errors
    /// [`Error::Process`] if members cannot be watched; [`Error::Member`] if one has given up for good: then all members are
    /// ended, and the record says so.
    pub fn start(record: GroupRecord, mode: StandbyMode, factory: Factory) -> Result<Supervisor, Error> {
        let watcher = Watcher::start(record.clone())?;
        let mut supervisor = Supervisor {
            record,
            factory,
            mode,
            watcher,
            processes: std::array::from_fn(|_| None),
            serial: 0,
            detected: None,
            not_before: 0,
            standby_failures: 0,
            standby_not_before: 0,
        };
        let mut given_up = Ok(());
        for slot in 0..MEMBERS {
            given_up = given_up.and(supervisor.adopt(slot));
        }
        match given_up {
            Err(error) if error.is_final() => {
                supervisor.end()?;
                supervisor.record.set_ended(error.code());
                Err(error)
            }
            other => other.map(|()| supervisor),
        }
    }

    fn adopt(&mut self, slot: usize) -> Result<(), Error> {
        let record = self.record.clone();
        let member = record.member(slot);
        if member.identity().is_none() && (member.phase() == Phase::Empty || member.give_up()) {
            return Ok(());
        }
        let Some(identity) = member.identity() else { return Ok(()) };
        self.serial += 1;
        match Process::adopt(identity, self.serial)? {
            Some(process) => {
                info!(slot, pid = process.pid, phase = ?member.phase(), "adopted a member");
                self.watch(slot, process);
                Ok(())
            }
            None => {
                warn!(slot, pid = identity.pid, phase = ?member.phase(), "a member has ended while there was no gateway");
                self.bury(slot)
            }
        }
    }

    fn watch(&mut self, slot: usize, process: Process) {
        self.watcher.watch(slot, process.serial, Arc::clone(&process.pidfd));
        self.processes[slot] = Some(process);
    }

    /// Whether there is something to do at once.
    pub fn has_news(&self) -> bool {
        self.watcher.has_news()
    }

    /// The slot of the standby or keeper that stages and applies checkpoints, if one is alive.
    pub fn keeper(&self) -> Option<usize> {
        let master = self.record.current().map(|epoch| epoch.master);
        let role = self.mode.role();
        (0..MEMBERS).find(|&slot| {
            Some(slot) != master && self.processes[slot].is_some() && self.record.member(slot).role() == role
        })
    }

    /// Does what is to be done now, without waiting for anything. Returns whether a new epoch has begun.
    ///
    /// # Errors
    /// What ends the group: [`Error::Member`] (divergence), [`Error::NoProgress`]; what ends this gateway: everything else.
    pub fn step(&mut self, ol: &mut OutputLogger, outlet: &mut dyn Outlet) -> Result<bool, Error> {
        for exit in self.watcher.collect() {
            self.note_exit(exit)?;
        }
        self.fail_over()?;
        let Some(epoch) = self.record.current() else {
            let detected = None;
            return self.begin(ol, outlet, detected).map(|()| true);
        };
        if self.processes[epoch.master].is_none() {
            return self.recover(ol, outlet);
        }
        if self.record.active() == epoch.number {
            self.keep_standby()?;
        }
        Ok(false)
    }

    fn note_exit(&mut self, exit: watcher::Exit) -> Result<(), Error> {
        let Some(mut process) = self.processes[exit.slot].take_if(|process| process.serial == exit.serial) else {
            return Ok(());
        };
        let status = process.reap();
        let killed = status.is_some_and(|status| status.signal() == Some(Signal::KILL.as_raw()));
        let status = status.map_or_else(|| "unknown, it was adopted".to_owned(), |status| status.to_string());
        let (slot, pid) = (exit.slot, process.pid);
        let phase = self.record.member(slot).phase();
        if self.record.current().is_some_and(|epoch| epoch.master == slot) {
            warn!(slot, pid, ?phase, status, "the master has ended: a successor takes over");
            self.detected = Some(exit.at);
            if killed && self.has_got_on() {
                self.record.set_failures(0);
            }
            let failures = self.record.failures();
            let delay = failures.checked_sub(FREE_FAILURES).map_or(0, |n| FIRST_DELAY << n.min(20)).min(LAST_DELAY);
            self.not_before = exit.at + delay;
        } else {
            warn!(slot, pid, ?phase, status, "the standby (or keeper of the image) has ended: another one is started");
            self.standby_failures += 1;
            if self.standby_failures > MAX_FAILURES {
                self.standby_not_before = exit.at + STANDBY_DELAY;
                error!(
                    failures = self.standby_failures,
                    "no standby stays alive: the group goes on without for a while"
                );
            }
        }
        self.bury(slot)
    }

    /// Whether something has left in this epoch that had not left before. Whoever is killed from outside after that is no sign of
    /// an input that nobody survives.
    fn has_got_on(&self) -> bool {
        let epoch = self.record.epoch();
        self.record.active() == epoch && self.record.takeover(epoch).is_some_and(|takeover| takeover.first_output != 0)
    }

    /// Empties the slot of a process that has ended, unless it says that the group must end.
    fn bury(&mut self, slot: usize) -> Result<(), Error> {
        let member = self.record.member(slot);
        if member.phase() == Phase::Failed {
            let (error, detail, epoch) = (member.error(), member.error_detail(), self.record.epoch());
            if matches!(error, MemberError::Divergence | MemberError::Construction) {
                return Err(Error::Member { slot, epoch, error, detail });
            }
            warn!(slot, ?error, detail, "a member gave up");
        }
        member.clear();
        Ok(())
    }

    fn fail_over(&mut self) -> Result<(), Error> {
        let (asked, done) = self.record.failovers();
        if asked == done {
            return Ok(());
        }
        if let Some(process) = self.record.current().and_then(|epoch| self.processes[epoch.master].as_ref()) {
            info!(pid = process.pid, "failover: the operator asked for it");
            process.kill()?;
        }
        self.record.set_failed_over(asked);
        Ok(())
    }

    /// The master has ended and its exit was seen, so it is fenced.
    fn recover(&mut self, ol: &mut OutputLogger, outlet: &mut dyn Outlet) -> Result<bool, Error> {
        let now = self.record.now();
        if now < self.not_before {
            return Ok(false);
        }
        let (failures, epoch) = (self.record.failures() + 1, self.record.epoch());
        if failures > MAX_FAILURES {
            return Err(Error::NoProgress { failures: failures - 1, epoch });
        }
        self.record.set_failures(failures);
        // Before the first gateway of a failed takeover noticed it, the outputs had already stopped.
        let interrupted = if self.record.is_active() { None } else { self.record.takeover(epoch).map(|t| t.detected) };
        let detected = interrupted.filter(|&at| at != 0).or(self.detected.take()).unwrap_or(now);
        self.detected = None;
        self.begin(ol, outlet, Some(detected))?;
        Ok(true)
    }

    /// Begins the next epoch with a standby as master, or with a new member if there is none.
    fn begin(&mut self, ol: &mut OutputLogger, outlet: &mut dyn Outlet, detected: Option<u64>) -> Result<(), Error> {
        let slot = match self.candidate() {
            Some(slot) => slot,
            None => self.launch(Role::Standby)?,
        };
        let epoch = ol.prepare(slot, outlet)?;
        let (begun, number) = (self.record.now(), epoch.number);
        if let Some(detected) = detected {
            self.record.note_takeover(&Takeover { epoch: number, detected, begun, ..Takeover::default() });
        }
        ol.begin(&epoch)?;
        for core in 0..self.record.cores() {
            self.record.core_bell(core).ring();
        }
        for member in 0..MEMBERS {
            self.record.member_bell(member).ring();
        }
        let phase = self.record.member(slot).phase();
        let (from, checkpoint) = (epoch.from.map(|origin| origin.epoch), epoch.base);
        info!(epoch = number, master = slot, ?phase, from, checkpoint, "a new epoch begins");
        Ok(())
    }

    /// Of the members that may be promoted, the one that is furthest.
    fn candidate(&self) -> Option<usize> {
        let alive = (0..MEMBERS).filter(|&slot| self.processes[slot].is_some());
        let able = alive.filter(|&slot| {
            let member = self.record.member(slot);
            member.role() == Role::Standby && member.phase() <= Phase::Standby
        });
        able.max_by_key(|&slot| self.record.member(slot).phase())
    }

    fn keep_standby(&mut self) -> Result<(), Error> {
        if let Some(slot) = self.keeper() {
            if matches!(self.record.member(slot).phase(), Phase::Standby | Phase::Keeper) {
                self.standby_failures = 0;
            }
            return Ok(());
        }
        if self.record.now() >= self.standby_not_before {
            self.launch(self.mode.role())?;
        }
        Ok(())
    }

    fn launch(&mut self, role: Role) -> Result<usize, Error> {
        // Never the slot of the current epoch's master, dead or alive: a record that names a slot means the process that has it.
        let master = self.record.current().map(|epoch| epoch.master);
        let free = |slot: &usize| self.processes[*slot].is_none() && Some(*slot) != master;
        let slot = (0..MEMBERS).find(free).expect("at most three members live at a time");
        let token = self.record.member(slot).assign(role);
        self.record.member_bell(slot).adopt();
        self.serial += 1;
        let mut command = (self.factory)(&Launch { role, slot, token });
        let process = Process::spawn(slot, self.serial, &mut command)?;
        self.record.add_stat(Stat::Spawned, 1);
        info!(slot, pid = process.pid, ?role, "started a member");
        self.watch(slot, process);
        Ok(slot)
    }

    /// Kills all members and waits for their exits.
    ///
    /// # Errors
    /// [`Error::Process`] if one cannot be killed.
    pub fn end(&mut self) -> Result<(), Error> {
        for process in self.processes.iter().flatten() {
            process.kill()?;
        }
        for slot in 0..MEMBERS {
            if let Some(mut process) = self.processes[slot].take() {
                process.wait(PATIENCE)?;
                self.record.member(slot).clear();
            }
        }
        Ok(())
    }

    /// The members, as the record has them.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.record.members().filter(|member| self.processes[member.slot()].is_some())
    }
}
