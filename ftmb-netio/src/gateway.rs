//! The gateway process: input logger, output logger and supervisor in one loop of one thread. Invariant: whatever it holds that
//! a successor needs is in the logs and the group record before anybody outside can see its effect.
//!
//! ```text
//! turn:  ports, control requests ─▶ input logger ─▶ publish ─▶ tell ports | output logger ─▶ ports, answers, flush, record
//!        now and then, and when something happened:       supervisor step, checkpoint step
//! ```

mod config;
mod ports;
mod watch;

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use ftmb_runtime::worker::{LINGER, Polling};
use tracing::{info, warn};

use crate::checkpoints::Checkpoints;
use crate::control::{self, Inbox};
use crate::error::Error;
use crate::flow::OwnHash;
use crate::group_dir::GroupDir;
use crate::group_record::{GroupRecord, Identity, Stat};
use crate::input_logger::InputLogger;
use crate::journal::{Journal, Journaled};
use crate::output_logger::{Base, Holders, OneHost, OutputLogger};
use crate::supervisor::{Factory, Supervisor};
use crate::uring::Sleeper;

pub use config::GatewayConfig;
pub use ports::{PortSet, Reply};
use watch::Watch;

/// Frames taken from a port in one turn.
const BATCH: usize = 64;
/// How often supervisor and checkpoints are looked after without a reason, ns.
const ROUND: u64 = 100_000;
/// Between two looks at what ports have counted, ns.
const COUNTING: u64 = 100_000_000;
/// Empty turns before the thread yields, and before it blocks.
const SPINS: u32 = 32;
const YIELDS: u32 = 48;
/// How long it blocks at most: some ports have news that ring no bell and make no descriptor readable.
const NAP: Duration = Duration::from_millis(1);
/// How long a stopped group may take to drain.
const DRAIN: u64 = 10_000_000_000;

/// The gateway of a group on one host.
#[derive(Debug)]
pub struct Gateway {
    record: GroupRecord,
    config: GatewayConfig,
    ports: PortSet,
    il: InputLogger,
    inbox: Inbox,
    ol: OutputLogger,
    supervisor: Supervisor,
    checkpoints: Checkpoints,
    watch: Watch,
    journal: Option<Journal>,
    next_round: u64,
    next_count: u64,
    stopping_since: Option<u64>,
    done: bool,
}

impl Gateway {
    /// Attaches to a group whose directory, record and logs the parent has created, as its first gateway or as the successor
    /// of one that died: members are adopted, ports resumed, the output logger rebuilt from the committed checkpoint. `flow_hash`: the
    /// middlebox's own, if it has one.
    ///
    /// # Errors
    /// [`Error::InUse`] if another gateway is alive; otherwise what is wrong with record, logs, image or ports.
    pub fn attach(
        dir: &GroupDir,
        fingerprint: u64,
        config: GatewayConfig,
        mut ports: PortSet,
        flow_hash: Option<OwnHash>,
        factory: Factory,
    ) -> Result<Gateway, Error> {
        let record = GroupRecord::open(&dir.record_path(), fingerprint)?;
        let me = Identity::mine();
        if let Some(other) = record.gateway().filter(|other| *other != me && Identity::of(other.pid) == Some(*other)) {
            return Err(Error::InUse { path: dir.path().into(), pid: other.pid });
        }
        record.set_gateway(me);
        record.add_stat(Stat::Gateways, 1);
        record.gateway_bell().adopt();
        let logs = dir.open_logs(record.cores(), fingerprint)?;
        let state_dir = config.state_dir.as_deref();
        let (image, stage) = (dir.image(state_dir), dir.stage(state_dir));
        let checkpoints = Checkpoints::new(record.clone(), &stage, config.checkpoint_interval.as_nanos() as u64)?;
        // First the members: whoever has ended or is adopted, the record says so from here on.
        let mut supervisor = Supervisor::start(record.clone(), config.standby, factory)?;
        let mut rebuild = || {
            let base = load_base(&record, &image, &stage, fingerprint)?;
            let il = InputLogger::attach(record.clone(), &logs, &ports.ids())?;
            let il = if let Some(own) = flow_hash { il.with_flow_hash(own) } else { il };
            ports.resume(|object, keeps| il.resume_at(object, keeps))?;
            let journal = match &config.journal {
                None => None,
                Some(journal) => {
                    let (stored, base) = (dir.config()?, base.as_ref());
                    let (record, logs, image, stage) = (&record, &logs, &*image, &*stage);
                    Some(Journal::open(journal, &Journaled { record, logs, image, stage, config: &stored, base })?)
                }
            };
            let holders: Box<dyn Holders> = journal.as_ref().map_or_else(|| Box::new(OneHost) as _, Journal::holder);
            Ok((il, OutputLogger::new(record.clone(), logs.clone(), holders, base)?, journal))
        };
        let (il, ol, journal) = match rebuild() {
            Err(error) => {
                end_if_final(&record, &mut supervisor, &error)?;
                return Err(error);
            }
            Ok(rebuilt) => rebuilt,
        };
        let inbox = Inbox::attach(dir, record.clone(), &il);
        let answers = dir.control();
        ports.set_replies(move |reply| control::answer(&answers, reply));
        info!(epoch = record.epoch(), committed = record.committed(), "the gateway is up");
        Ok(Gateway {
            watch: Watch::new(&record),
            record,
            config,
            ports,
            il,
            inbox,
            ol,
            supervisor,
            checkpoints,
            journal,
            next_round: 0,
            next_count: 0,
            stopping_since: None,
            done: false,
        })
    }

    /// Runs until the group ends: in good order, by [`GroupRecord::stop`], or because it cannot go on. The record says which
    /// ([`GroupRecord::ended`]). An error that is not [final](Error::is_final) leaves the members alive for the next gateway.
    ///
    /// # Errors
    /// Whatever ended it, but a stop.
    pub fn run(mut self) -> Result<(), Error> {
        let result = self.serve();
        match &result {
            Ok(()) => {
                if let Some(journal) = self.journal.take() {
                    journal.finish(self.record.stopping());
                }
                self.supervisor.end()?;
                self.record.set_ended(1);
                info!("the group has ended");
            }
            Err(error) => end_if_final(&self.record, &mut self.supervisor, error)?,
        }
        self.record.parent_bell().ring();
        result
    }

    fn serve(&mut self) -> Result<(), Error> {
        let record = self.record.clone();
        let mut sleeper = Sleeper::new();
        // Who sends to a memory port rings; for the others it is worth while to stay awake a little.
        let linger = if self.ports.wake_by().is_empty() { Duration::ZERO } else { LINGER };
        let (mut idle, mut idle_since) = (0, Instant::now());
        while !self.done {
            if self.turn()? {
                idle = 0;
                continue;
            }
            if idle == 0 {
                idle_since = Instant::now();
            }
            idle += 1;
            if self.config.polling == Polling::Dedicated || idle < SPINS {
                std::hint::spin_loop();
            } else if idle < YIELDS || idle_since.elapsed() < linger {
                std::thread::yield_now();
            } else {
                let mut last_look = Ok(false);
                // The last look is a whole turn: nothing that it finds can be slept over.
                let this = RefCell::new(&mut *self);
                let look = || {
                    last_look = this.borrow_mut().turn();
                    !matches!(last_look, Ok(false))
                };
                record.gateway_bell().wait_by(look, |bell, expected| {
                    sleeper.sleep(bell, expected, &this.borrow().ports.wake_by(), NAP);
                });
                if last_look? {
                    idle = 0;
                }
            }
        }
        Ok(())
    }

    /// One round of everything that does not wait; returns whether anything happened.
    ///
    /// # Errors
    /// What ends the gateway.
    pub fn turn(&mut self) -> Result<bool, Error> {
        let mut busy = false;
        // A group that was told to stop before it began, to run again what was recorded, takes nothing in.
        let open = self.stopping_since.is_none() && !self.record.stopping();
        if open && self.record.committed().is_some() {
            busy |= self.take_in()?;
        }
        let polled = self.ol.poll(&mut self.ports)?;
        busy |= !polled.is_idle();
        let now = self.record.now();
        if let Some(journal) = &self.journal
            && (busy || self.ol.has_news())
        {
            journal.ring();
        }
        if polled.activated {
            self.watch.epoch_is_active(&self.record);
        }
        if polled.activated || now >= self.next_round || self.supervisor.has_news() {
            self.next_round = now + ROUND;
            busy |= self.look_after(now)?;
        }
        Ok(busy)
    }

    /// Stamps what ports have, and ticks.
    fn take_in(&mut self) -> Result<bool, Error> {
        let (mut taken, mut failed) = (0, Ok(()));
        for object in 0..self.ports.len() {
            match self.il.receive(object, self.ports.port(object), BATCH) {
                Ok(more) => taken += more,
                Err(error) => failed = Err(error),
            }
        }
        self.inbox.take(&mut self.il);
        self.il.tick(self.config.tick.as_nanos() as u64);
        // Also if a port has failed: what others have handed in may come from nowhere again.
        let published = self.il.publish();
        failed?;
        if !published {
            return Ok(taken != 0);
        }
        for object in 0..self.ports.len() {
            let stamped = self.il.stamped(object);
            self.ports.port(object).stamped(stamped + 1);
        }
        Ok(true)
    }

    fn look_after(&mut self, now: u64) -> Result<bool, Error> {
        self.record.set_stat(Stat::Heartbeat, now);
        let mut busy = self.supervisor.step(&mut self.ol, &mut self.ports)?;
        if busy {
            self.watch.epoch_begins(&self.record);
        }
        let keeper = self.supervisor.keeper();
        let drain = self.stopping_since.is_some() && !self.ol.is_drained();
        let full = self.il.was_full();
        if full {
            self.record.add_stat(Stat::InputFull, 1);
        }
        busy |= self.checkpoints.step(&mut self.ol, keeper, full || drain)?;
        self.watch.look(&self.record, now);
        if now >= self.next_count {
            self.next_count = now + COUNTING;
            self.ports.count();
        }
        if let Some(journal) = &mut self.journal {
            journal.look(&self.ol)?;
        }
        self.look_for_the_end(now);
        Ok(busy)
    }

    fn look_for_the_end(&mut self, now: u64) {
        if self.config.end_with_parent && self.is_orphan() {
            warn!("the parent has ended: so does the group");
            self.done = true;
        }
        if self.config.end_when_exhausted && self.ports.are_exhausted() {
            self.record.stop();
        }
        if !self.record.stopping() {
            return;
        }
        let since = *self.stopping_since.get_or_insert_with(|| {
            info!("stopping: draining what is stamped");
            now
        });
        if self.ol.is_drained() {
            self.done = true;
        } else if now > since + DRAIN && !self.record.runs_again() {
            warn!("stopping with inputs that were stamped and not processed");
            self.done = true;
        }
    }

    fn is_orphan(&self) -> bool {
        let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get() as u32);
        self.record.parent().is_some_and(|expected| parent != Some(expected.pid))
    }
}

/// What another gateway would find just as it is ends the group.
fn end_if_final(record: &GroupRecord, supervisor: &mut Supervisor, error: &Error) -> Result<(), Error> {
    if error.is_final() {
        tracing::error!(%error, "the group cannot go on");
        supervisor.end()?;
        record.set_ended(error.code());
    } else {
        warn!(%error, "the gateway cannot go on");
    }
    Ok(())
}

fn load_base(record: &GroupRecord, image: &Path, stage: &Path, fingerprint: u64) -> Result<Option<Base>, Error> {
    record.committed().map(|committed| Base::load(image, stage, fingerprint, committed)).transpose()
}
