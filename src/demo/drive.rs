//! The loop of the demo: sends what is due, judges what comes out, kills when it is time.
//!
//! Invariant: a packet that was made is sent, however long the group takes none; and the judge counts only after all that was sent
//! has been processed and released, which a checkpoint taken afterwards proves.

use std::collections::BTreeMap;
use std::time::Duration;

use ftmb_netio::flow::{FlowHash, OwnHash};
use ftmb_netio::group_record::{CoreStat, GroupRecord, Phase, Stat, Takeover, monotonic_ns};
use ftmb_netio::port::memory::MemoryPeer;
use ftmb_runtime::packet::PortId;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::checker::Checker;
use super::flight::Sent;
use super::killer::{Event, Killer, plan};
use super::latency::{Latency, Times};
use super::options::{DemoOptions, Target};
use super::pacer::Pacer;
use super::progress::Progress;
use super::report::Report;
use crate::Result;
use crate::cli::parent::{Health, Parent};
use crate::cli::{CommandError, Signals};
use crate::scenario::{Frame, Scenario};

/// Packets made and received between two looks at everything else.
const BATCH: usize = 256;
/// How long a group may take to start.
const START: Duration = Duration::from_secs(60);
/// How long to wait after the last packet was sent.
const FINISH: Duration = Duration::from_secs(30);
/// How long to go on sending until all planned kills are done, ns.
const OVERTIME: u64 = 60_000_000_000;
/// How often processes are looked after, ns.
const LOOK: u64 = 500_000;
/// Longest sleep.
const NAP: u64 = 1_000_000;

/// A run of the demo.
struct Drive<'a> {
    parent: Parent,
    record: GroupRecord,
    peer: MemoryPeer,
    checker: Checker,
    latency: Latency,
    rng: ChaCha8Rng,
    signals: &'a Signals,
    next_look: u64,
    /// Made, and not yet taken by the group.
    pending: Option<(PortId, Vec<u8>)>,
    sent: u64,
    last_source: u64,
    takeovers: BTreeMap<u64, Takeover>,
    /// See [`Report::held_back`].
    held_back: [u64; 2],
}

/// Runs the demo on a group that was just started, and ends the group.
pub(super) fn drive(
    parent: Parent,
    (scenario, flow_hash): (Box<dyn Scenario>, OwnHash),
    options: &DemoOptions,
    seed: u64,
    signals: &Signals,
) -> Result<Report> {
    let record = parent.record().clone();
    let Some([incoming, outgoing]) = &parent.logs().ports else { return Err(CommandError::NoPorts.into()) };
    let peer = MemoryPeer::attach(record.clone(), incoming, outgoing).map_err(ftmb_netio::Error::from)?;
    let mut drive = Drive {
        checker: Checker::new(scenario, FlowHash::new(record.birth().seed).with_own(flow_hash), record.cores()),
        parent,
        peer,
        latency: Latency::default(),
        rng: ChaCha8Rng::seed_from_u64(seed),
        signals,
        next_look: 0,
        pending: None,
        sent: 0,
        last_source: 0,
        takeovers: BTreeMap::new(),
        held_back: [0; 2],
        record,
    };
    drive.await_start()?;
    let duration = options.seconds.as_nanos() as u64;
    let killer = Killer::new(drive.record.clone(), plan(seed, options.kills, &options.kill, duration));
    let (killer, mut report) = drive.send(killer, options, duration)?;
    report.unfinished = !drive.await_end()?;
    report.seed = seed;
    report.kills = killer.done().to_vec();
    drive.complete(report)
}

impl Drive<'_> {
    /// The first epoch is active, checkpoint 0 is committed, and somebody is ready to take over.
    fn await_start(&mut self) -> Result<()> {
        let record = self.record.clone();
        let ready = |_: &Parent| {
            let seconded = record.members().any(|member| {
                let is_master = record.current().is_some_and(|epoch| epoch.master == member.slot());
                !is_master && matches!(member.phase(), Phase::Standby | Phase::Keeper)
            });
            record.is_active() && record.committed().is_some() && seconded
        };
        let signals = self.signals;
        self.parent.wait("the group to start", START, || signals.came(), ready)
    }

    /// Sends for as long as asked, and until all kills are done.
    fn send(&mut self, mut killer: Killer, options: &DemoOptions, duration: u64) -> Result<(Killer, Report)> {
        let mut progress = Progress::new();
        let started = monotonic_ns();
        let mut pacer = Pacer::new(options.rate, started);
        let elapsed = loop {
            let now = monotonic_ns();
            let elapsed = now - started;
            if elapsed >= duration && (killer.is_done() || elapsed >= duration + OVERTIME) {
                break elapsed;
            }
            let made = self.make(&mut pacer, now);
            let judged = self.judge()?;
            self.look(now)?;
            match killer.step(elapsed)? {
                Some(Event::Killed(target)) => self.killed(target),
                Some(Event::Recovered) => self.latency.failure_ends(monotonic_ns()),
                None => {}
            }
            progress.show(elapsed, self.sent, self.checker.findings(), killer.done().len(), options.kills);
            if made == 0 && judged == 0 {
                self.sleep(pacer.pause(now));
            }
        };
        progress.clear();
        // What the last moments made due is on its way.
        let late = Some(pacer.behind(started + elapsed)).filter(|late| *late > options.rate / 100).unwrap_or(0);
        Ok((killer, Report { sending: elapsed, late, held_back: self.held_back, ..Report::default() }))
    }

    /// Makes and sends what is due; returns how much was sent.
    fn make(&mut self, pacer: &mut Pacer, now: u64) -> usize {
        let due = pacer.due(now).min(BATCH as u64);
        let mut made = 0;
        for _ in 0..due {
            let next = self.pending.take().or_else(|| self.checker.scenario().next(&mut self.rng));
            let Some((port, bytes)) = next else {
                self.held_back[1] += 1;
                break;
            };
            let Some(source) = self.peer.send(port, &bytes) else {
                // The group takes no more just now: this one goes first later.
                self.pending = Some((port, bytes));
                self.held_back[0] += 1;
                break;
            };
            self.enter(source, port, bytes, now);
            pacer.sent();
            made += 1;
        }
        if made != 0 {
            self.peer.flush();
        }
        made
    }

    /// Judges what has come out; returns how much that was.
    fn judge(&mut self) -> Result<usize> {
        if !self.peer.has_news() {
            return Ok(0);
        }
        let now = monotonic_ns();
        let (checker, latency) = (&mut self.checker, &mut self.latency);
        let received = self.peer.receive(BATCH, |output| {
            if let Some(at) = checker.delivered(&output) {
                latency.note(at, now);
            }
        });
        Ok(received.map_err(ftmb_netio::Error::from)?)
    }

    /// Looks after the processes, now and then.
    fn look(&mut self, now: u64) -> Result<()> {
        if now < self.next_look {
            return Ok(());
        }
        self.next_look = now + LOOK;
        if self.signals.came() {
            return Err(CommandError::Interrupted.into());
        }
        match self.parent.look()? {
            Health::Running => {}
            Health::Restarted => self.checker.gateway_died(),
            Health::Ended => return Err(CommandError::Ended { why: "it was told to" }.into()),
        }
        Ok(())
    }

    fn killed(&mut self, target: Target) {
        self.note_takeovers();
        if target != Target::Standby {
            self.latency.failure_begins();
        }
    }

    /// The record remembers the last 64 only.
    fn note_takeovers(&mut self) {
        let all = self.record.takeovers();
        self.takeovers.extend(all.into_iter().map(|takeover| (takeover.epoch, takeover)));
    }

    fn sleep(&self, pause: u64) {
        let pause = Duration::from_nanos(pause.min(NAP));
        self.record.parent_bell().wait(|| self.peer.has_news(), pause);
    }

    /// Waits until everything that was sent has been processed and released; false: in vain.
    fn await_end(&mut self) -> Result<bool> {
        let deadline = monotonic_ns() + FINISH.as_nanos() as u64;
        // What was made goes out as well.
        while self.pending.is_some() || self.record.stamped(0) < self.last_source {
            if monotonic_ns() > deadline {
                return Ok(false);
            }
            if let Some((port, bytes)) = self.pending.take() {
                match self.peer.send(port, &bytes) {
                    None => self.pending = Some((port, bytes)),
                    Some(source) => self.enter(source, port, bytes, monotonic_ns()),
                }
                self.peer.flush();
            }
            self.idle()?;
        }
        // All inputs are below these positions. Once a checkpoint lets them be forgotten, their outputs have left.
        let tails: Vec<u64> = self.parent.logs().input.iter().map(|log| log.tail()).collect();
        let mut asked = 0;
        loop {
            let inputs = &self.parent.logs().input;
            if inputs.iter().zip(&tails).all(|(log, tail)| log.trimmed() >= *tail) {
                break;
            }
            let now = monotonic_ns();
            if now > deadline {
                return Ok(false);
            }
            if now > asked + 50_000_000 {
                self.record.ask_checkpoint();
                self.record.gateway_bell().ring();
                asked = now;
            }
            self.idle()?;
        }
        while self.judge()? != 0 {}
        Ok(true)
    }

    fn enter(&mut self, source: u64, port: PortId, bytes: Vec<u8>, at: u64) {
        self.sent += 1;
        self.last_source = source;
        self.checker.sent(Sent { source, at, frame: Frame::new(port, bytes, self.sent) });
    }

    fn idle(&mut self) -> Result<()> {
        if self.judge()? == 0 {
            self.sleep(NAP);
        }
        self.look(monotonic_ns())
    }

    /// Takes the figures from the record and ends the group.
    fn complete(mut self, mut report: Report) -> Result<Report> {
        self.note_takeovers();
        report.missing = self.checker.finish();
        report.findings = self.checker.findings().clone();
        report.packets_in = self.sent;
        let known = self.takeovers.values().filter(|takeover| takeover.detected != 0);
        let recovery = known.filter_map(|takeover| takeover.first_output.checked_sub(takeover.detected));
        report.recovery = Times::of(recovery).percentiles();
        report.latency = self.latency.all.percentiles();
        report.quiet = self.latency.quiet.percentiles();
        report.failing = self.latency.failing.percentiles();
        let record = &self.record;
        report.flips = Times::of(record.flips().0).percentiles();
        report.checkpoints = record.stat(Stat::Checkpoints);
        report.checkpoint_bytes = record.stat(Stat::CheckpointBytesTotal);
        report.epochs = record.epoch();
        let sum = |stat| (0..record.cores()).map(|core| record.core_stat(core, stat)).sum::<u64>();
        (report.stamped, report.log_bytes) = (sum(CoreStat::Stamped), 8 * sum(CoreStat::Words));
        if !report.unfinished {
            self.parent.stop(|_| false)?;
        }
        Ok(report)
    }
}
