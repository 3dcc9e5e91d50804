//! The firewall itself: an ordinary multi-core program on `std`'s locks and maps, plus four attributes.
//!
//! Invariant: every flow in `flows` is one that the rules in force allow, but while a request is under way that changes
//! them; it ends only when all flows are such again. Locks are taken in the order `flows[n]`, `rules`, one shard at a time.

use std::{array, collections::HashMap, str, sync::RwLock};

use ftmb::{prelude::*, time::Instant};

mod config;
mod flow;
#[path = "../../headers/mod.rs"]
mod headers;
mod rule;
mod rules;
#[path = "../../tracking/mod.rs"]
mod tracking;

pub(crate) use config::FirewallConfig;
use flow::{Flow, FlowKey};
use headers::{Head, Unfit, View};
use rule::{Direction, Opening, Rule};
use rules::{Request, RequestError, Rules};

/// Tables of flows, each with a lock of its own.
const SHARDS: usize = 16;

/// A stateful packet filter for IPv4.
#[ftmb::shared]
pub(crate) struct Firewall {
    #[ftmb(config)]
    config: FirewallConfig,
    #[ftmb(config)]
    inside: PortId,
    #[ftmb(config)]
    outside: PortId,
    /// What a packet needs that belongs to something.
    flows: [RwLock<HashMap<FlowKey, Flow>>; SHARDS],
    /// What one needs that begins something.
    rules: RwLock<Rules>,
    /// The table that is searched for expired flows at the next tick.
    sweep: usize,
    passed: Counter,
    errors_passed: Counter,
    opened: Counter,
    expired: Counter,
    cut: Counter,
    denied: Counter,
    unopened: Counter,
    out_of_state: Counter,
    table_full: Counter,
    fragments: Counter,
    malformed: Counter,
    unsupported: Counter,
    others_passed: Counter,
}

#[ftmb::middlebox]
impl Firewall {
    /// A firewall between two ports that knows no flows.
    pub(crate) fn new(config: FirewallConfig, rules: Vec<Rule>, inside: PortId, outside: PortId) -> Self {
        Self {
            config,
            inside,
            outside,
            flows: array::from_fn(|_| RwLock::new(HashMap::new())),
            rules: RwLock::new(Rules::new(rules)),
            sweep: 0,
            passed: Counter::new(),
            errors_passed: Counter::new(),
            opened: Counter::new(),
            expired: Counter::new(),
            cut: Counter::new(),
            denied: Counter::new(),
            unopened: Counter::new(),
            out_of_state: Counter::new(),
            table_full: Counter::new(),
            fragments: Counter::new(),
            malformed: Counter::new(),
            unsupported: Counter::new(),
            others_passed: Counter::new(),
        }
    }

    /// Whether a packet may pass; if not, what to count.
    fn filter(&self, head: &Head, direction: Direction, now: Instant) -> Result<(), &Counter> {
        let key = FlowKey::of(head, direction);
        // the common path: one shared lookup; the guard is gone at the end of the statement
        let known = self.flows[key.shard(SHARDS)].read().unwrap().get(&key).copied();
        match known {
            Some(flow) if !begins_anew(&flow, head) => match flow.after(head, direction, now) {
                Some(after) if after == flow => Ok(()),
                Some(_) => self.note(&key, head, direction, now),
                None => Err(&self.out_of_state),
            },
            _ if !head.opens => Err(&self.unopened),
            // asked here too, so that what is denied takes no exclusive lock
            _ if !self.rules.read().unwrap().allow(&Opening::of(head, direction)) => Err(&self.denied),
            _ => self.note(&key, head, direction, now),
        }
    }

    /// Takes note of a packet that says something new: a flow begins, goes on, or begins again.
    fn note(&self, key: &FlowKey, head: &Head, direction: Direction, now: Instant) -> Result<(), &Counter> {
        let mut flows = self.flows[key.shard(SHARDS)].write().unwrap();
        // looked up again: what the shared lookup saw may have changed since
        let known = flows.get(key).copied();
        if let Some(flow) = known.filter(|flow| !begins_anew(flow, head)) {
            let Some(after) = flow.after(head, direction, now) else { return Err(&self.out_of_state) };
            if after != flow {
                flows.insert(*key, after);
            }
            return Ok(());
        }
        if !head.opens {
            return Err(&self.unopened);
        }
        if !self.rules.read().unwrap().allow(&Opening::of(head, direction)) {
            return Err(&self.denied);
        }
        if known.is_some() {
            self.expired.add(1);
        } else if flows.len() >= self.config.max_flows.div_ceil(SHARDS) {
            return Err(&self.table_full);
        }
        flows.insert(*key, Flow::open(head.protocol, direction, now));
        self.opened.add(1);
        Ok(())
    }

    /// Whether an ICMP error may pass: one about a packet of a flow that went the other way.
    fn is_expected(&self, about: &Head, direction: Direction) -> bool {
        let sent = if direction == Direction::Out { Direction::In } else { Direction::Out };
        let key = FlowKey::of(about, sent);
        let flow = self.flows[key.shard(SHARDS)].read().unwrap().get(&key).copied();
        flow.is_some_and(|flow| !flow.track().is_over())
    }

    /// Ends the flows that the rules no longer allow, and says how many.
    fn enforce(&self) -> usize {
        let mut cut = 0;
        for shard in 0..SHARDS {
            let mut flows = self.flows[shard].write().unwrap();
            let rules = self.rules.read().unwrap();
            let before = flows.len();
            flows.retain(|key, flow| rules.allow(&flow.opening(key)));
            cut += before - flows.len();
        }
        self.cut.add(cut as u64);
        cut
    }

    /// Does what an operator asks for.
    fn obey(&self, request: &[u8]) -> Result<String, RequestError> {
        let request = str::from_utf8(request).map_err(|_| RequestError::NotText)?;
        let done = match request.parse()? {
            Request::List => return Ok(self.rules.read().unwrap().list()),
            Request::Add { before, rule } => {
                let number = self.rules.write().unwrap().add(before, rule)?;
                format!("{number}: {rule}")
            }
            Request::Remove { number } => {
                let rule = self.rules.write().unwrap().remove(number)?;
                format!("removed {number}: {rule}")
            }
        };
        Ok(format!("{done}\n{} flows cut\n", self.enforce()))
    }
}

/// Whether a packet opens a connection where another one was.
fn begins_anew(flow: &Flow, head: &Head) -> bool {
    flow.track().is_over() && head.is_syn()
}

#[ftmb::middlebox]
impl Middlebox for Firewall {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let (direction, to) = match packet.port() == self.inside {
            true => (Direction::Out, self.outside),
            false => (Direction::In, self.inside),
        };
        let refused = match headers::parse(packet.bytes()) {
            Ok(View::Flow(head)) => match self.filter(&head, direction, cx.now()) {
                Ok(()) => {
                    self.passed.add(1);
                    return Verdict::Forward(to);
                }
                Err(counter) => counter,
            },
            Ok(View::Error { about, .. }) if self.is_expected(&about, direction) => {
                self.errors_passed.add(1);
                return Verdict::Forward(to);
            }
            Ok(View::Error { .. }) => &self.unopened,
            Err(Unfit::Fragment) => &self.fragments,
            Err(Unfit::Malformed) => &self.malformed,
            Err(Unfit::Foreign) if !self.config.pass_other => &self.unsupported,
            // without ARP no two hosts would find each other
            Err(Unfit::Arp | Unfit::Foreign) => {
                self.others_passed.add(1);
                return Verdict::Forward(to);
            }
            Err(Unfit::Unsupported) => &self.unsupported,
        };
        refused.add(1);
        Verdict::Drop
    }

    /// Every core has ticks; the first one looks for expired flows, in one table each time.
    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() != 0 {
            return;
        }
        let shard = self.sweep;
        self.sweep = (shard + 1) % SHARDS;
        let now = cx.now();
        let mut flows = self.flows[shard].write().unwrap();
        let before = flows.len();
        flows.retain(|_, flow| !flow.track().is_expired(&self.config.timeouts, now));
        self.expired.add((before - flows.len()) as u64);
    }

    fn control(&self, request: &[u8], _cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        Ok(self.obey(request)?.into_bytes())
    }

    fn report(&self, metrics: &mut Metrics) {
        let (opened, gone) = (self.opened.get(), self.expired.get() + self.cut.get());
        metrics.gauge("flows", opened.saturating_sub(gone) as f64);
        metrics.counter("opened", opened);
        metrics.counter("expired", self.expired.get());
        metrics.counter("cut", self.cut.get());
        metrics.counter("passed", self.passed.get());
        metrics.counter("errors_passed", self.errors_passed.get());
        metrics.counter("others_passed", self.others_passed.get());
        metrics.counter("dropped_denied", self.denied.get());
        metrics.counter("dropped_unopened", self.unopened.get());
        metrics.counter("dropped_out_of_state", self.out_of_state.get());
        metrics.counter("dropped_table_full", self.table_full.get());
        metrics.counter("dropped_fragments", self.fragments.get());
        metrics.counter("dropped_malformed", self.malformed.get());
        metrics.counter("dropped_unsupported", self.unsupported.get());
    }
}
