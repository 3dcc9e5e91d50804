//! The monitor: counts what passes and changes nothing.
//!
//! Invariants: a packet is counted once, either in a core's batch or in the shared tables; `flows` and `heavy` always
//! hold the same packets, since both locks are held while a batch goes in. Locks are taken in that order.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Mutex, RwLock},
};

use ftmb::prelude::*;
use serde::Deserialize;

pub(crate) mod flow;
mod heavy;
pub(crate) mod report;

use flow::{FlowKey, Tally};
use heavy::Heavy;
use report::{Report, Request};

/// Packets that a core collects before it takes the locks.
pub(crate) const BATCH: usize = 32;

/// The `[middlebox]` table of the configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MonitorConfig {
    /// Flows that are counted one by one; those that come later are counted in the totals only.
    pub(crate) max_flows: usize,
    /// Flows in an answer, at most 64.
    pub(crate) top: usize,
}

impl Default for MonitorConfig {
    fn default() -> Self {
        Self { max_flows: 1 << 18, top: 16 }
    }
}

/// What one core has seen and not yet entered into the shared tables.
#[ftmb::state]
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    packets: Vec<(FlowKey, u32)>,
}

/// Counts packets and bytes, in all and per flow.
#[ftmb::shared]
pub(crate) struct Monitor {
    #[ftmb(config)]
    config: MonitorConfig,
    #[ftmb(config)]
    left: PortId,
    #[ftmb(config)]
    right: PortId,
    /// Free: added to only.
    packets: Counter,
    bytes: Counter,
    not_ip: Counter,
    untracked: Counter,
    /// Free: a core's own.
    #[ftmb(per_core)]
    batch: Batch,
    /// Logged: common to all cores.
    flows: RwLock<HashMap<FlowKey, Tally>>,
    heavy: Mutex<Heavy>,
}

#[ftmb::middlebox]
impl Monitor {
    /// A monitor between two ports that has seen nothing.
    pub(crate) fn new(config: MonitorConfig, left: PortId, right: PortId) -> Self {
        Self {
            config,
            left,
            right,
            packets: Counter::new(),
            bytes: Counter::new(),
            not_ip: Counter::new(),
            untracked: Counter::new(),
            batch: Batch::default(),
            flows: RwLock::new(HashMap::new()),
            heavy: Mutex::new(Heavy::default()),
        }
    }

    /// Enters a batch into the shared tables.
    fn flush(&self, batch: &mut Batch) {
        let mut flows = self.flows.write().unwrap();
        let mut heavy = self.heavy.lock().unwrap();
        for (key, bytes) in batch.packets.drain(..) {
            if let Some(tally) = flows.get_mut(&key) {
                tally.add(bytes);
                heavy.note(key, tally.packets);
            } else if flows.len() < self.config.max_flows {
                flows.insert(key, Tally::new(bytes));
                heavy.note(key, 1);
            } else {
                self.untracked.add(1);
                heavy.note_untracked();
            }
        }
    }

    /// The heaviest flows, heaviest first.
    fn top(&self, cores: usize) -> Report {
        let flows = self.flows.read().unwrap();
        let heavy = self.heavy.lock().unwrap();
        let counted = heavy.keys().filter_map(|key| Some((key, *flows.get(&key)?)));
        let mut top: Vec<(FlowKey, Tally)> = counted.collect();
        top.sort_unstable_by_key(|(key, tally)| (Reverse(tally.packets), *key));
        top.truncate(self.config.top.min(report::MOST));
        Report { cores: cores as u16, packets: heavy.packets(), flows: flows.len() as u32, top }
    }
}

#[ftmb::middlebox]
impl Middlebox for Monitor {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let seen = flow::read(packet.bytes());
        if let Some(request) = seen.as_ref().and_then(|seen| Request::read(packet.bytes(), seen)) {
            self.flush(&mut self.batch.borrow_mut());
            let report = self.top(cx.cores());
            if let Some(answer) = request.answer(packet.bytes(), &report) {
                // no room is the asker's loss; the counts stay
                let _ = cx.emit(packet.port(), &answer);
            }
            return Verdict::Drop;
        }
        let bytes = packet.bytes().len();
        self.packets.add(1);
        self.bytes.add(bytes as u64);
        match seen {
            Some(seen) => {
                let mut batch = self.batch.borrow_mut();
                batch.packets.push((seen.flow, bytes as u32));
                if batch.packets.len() >= BATCH {
                    self.flush(&mut batch);
                }
            }
            None => self.not_ip.add(1),
        }
        Verdict::Forward(if packet.port() == self.left { self.right } else { self.left })
    }

    /// Every core has ticks, so a batch does not wait for long on a core that has little to do.
    fn tick(&self, _cx: &mut Context<'_>) {
        let mut batch = self.batch.borrow_mut();
        if !batch.packets.is_empty() {
            self.flush(&mut batch);
        }
    }

    /// `top`: the answer to the question in the same words, for the command line.
    fn control(&self, request: &[u8], cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        match request {
            b"top" => {
                self.flush(&mut self.batch.borrow_mut());
                Ok(self.top(cx.cores()).to_string().into_bytes())
            }
            _ => Err(ControlError::new("unknown request; expected `top`")),
        }
    }

    fn report(&self, metrics: &mut Metrics) {
        metrics.counter("packets", self.packets.get());
        metrics.counter("bytes", self.bytes.get());
        metrics.counter("not_ip", self.not_ip.get());
        metrics.counter("untracked", self.untracked.get());
    }
}
