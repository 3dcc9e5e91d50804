//! A middlebox over parking_lot's locks, a `DashMap` and a nested shared struct is crashed at random tracked accesses and
//! recovers exactly each time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ftmb::dashmap::{DashSet, try_result::TryResult};
use ftmb::prelude::*;
use ftmb::testing::{Input, assert_recoverable};

#[ftmb::state]
#[derive(Clone, Debug, Default)]
struct Flow {
    packets: u64,
    last: Vec<u8>,
}

#[ftmb::shared]
struct Table {
    flows: dashmap::DashMap<u32, Flow>,
    order: Arc<parking_lot::Mutex<VecDeque<u32>>>,
}

#[ftmb::middlebox]
impl Table {
    fn new() -> Self {
        Self {
            flows: dashmap::DashMap::with_shard_amount(8),
            order: Arc::new(parking_lot::Mutex::new(VecDeque::new())),
        }
    }

    /// Counts the packet; forgets the flow that came first once there are many.
    fn see(&self, key: u32, bytes: &[u8]) -> u64 {
        let mut fresh = false;
        let mut flow = self.flows.entry(key).or_insert_with(|| {
            fresh = true;
            Flow::default()
        });
        flow.packets += 1;
        flow.last = bytes[..4].to_vec();
        let packets = flow.packets;
        // The section of the shard goes on while the other lock is taken.
        if fresh {
            self.order.lock().push_back(key);
        }
        drop(flow);
        let mut order = self.order.lock();
        if order.len() > 12
            && let Some(oldest) = order.pop_front()
        {
            drop(order);
            self.flows.remove(&oldest);
        }
        packets
    }
}

#[ftmb::shared]
struct Ported {
    table: Table,
    seen: DashSet<u8>,
    rules: parking_lot::RwLock<BTreeMap<u8, u64>>,
    pairs: Vec<parking_lot::Mutex<(u64, u64)>>,
    maybe: Option<Box<parking_lot::RwLock<hashbrown::HashMap<u8, u64>>>>,
}

#[ftmb::middlebox]
impl Ported {
    fn new() -> Self {
        Self {
            table: Table::new(),
            seen: DashSet::with_capacity(64),
            rules: parking_lot::RwLock::new(BTreeMap::from([(0, 1)])),
            pairs: (0..2).map(|n| parking_lot::Mutex::new((n, n))).collect(),
            maybe: Some(Box::new(parking_lot::RwLock::new(hashbrown::HashMap::new()))),
        }
    }
}

#[ftmb::middlebox]
impl Middlebox for Ported {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let byte = packet.bytes()[0];
        let mut mixed = self.table.see(u32::from(byte % 24), packet.bytes());
        let rules = self.rules.read();
        mixed = mixed.wrapping_mul(31).wrapping_add(rules.values().sum::<u64>());
        drop(rules);
        if byte.is_multiple_of(5) {
            let mut rules = self.rules.write();
            *rules.entry(byte % 7).or_default() += mixed % 11;
            let rules = parking_lot::RwLockWriteGuard::downgrade(rules);
            mixed ^= rules.len() as u64;
        }
        let mut second = parking_lot::MutexGuard::map(self.pairs[usize::from(byte) % 2].lock(), |pair| &mut pair.1);
        *second = second.wrapping_add(mixed);
        drop(second);
        match self.pairs[0].try_lock() {
            Some(pair) => mixed ^= pair.1,
            None => mixed = !mixed,
        }
        mixed ^= match self.table.flows.try_get(&u32::from(byte % 24)) {
            TryResult::Present(flow) => flow.packets,
            TryResult::Absent => 5,
            TryResult::Locked => 6,
        };
        if let Some(mut flow) = self.table.flows.try_get_mut(&u32::from(byte % 23)).try_unwrap() {
            flow.packets ^= 1;
        }
        if self.seen.insert(byte) && byte.is_multiple_of(7) {
            mixed = self.seen.iter().fold(mixed, |mixed, seen| mixed.wrapping_mul(5) ^ u64::from(*seen));
            self.seen.retain(|seen| !seen.is_multiple_of(3));
        }
        if byte.is_multiple_of(9) {
            for flow in &self.table.flows {
                mixed = mixed.wrapping_mul(3).wrapping_add(u64::from(*flow.key()) ^ flow.packets);
            }
        }
        if byte.is_multiple_of(17) {
            for mut flow in self.table.flows.iter_mut() {
                flow.packets += 1;
            }
        }
        if let Some(maybe) = &self.maybe {
            *maybe.write().entry(byte % 16).or_insert(0) += 1;
        }
        packet.bytes_mut()[8..16].copy_from_slice(&mixed.to_be_bytes());
        if byte.is_multiple_of(11) {
            cx.emit(PortId(2), &mixed.to_le_bytes()).unwrap();
        }
        Verdict::Forward(PortId(1))
    }

    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() == 0 {
            self.table.flows.retain(|_, flow| !flow.packets.is_multiple_of(13));
            self.table.flows.alter(&3, |_, flow| Flow { packets: flow.packets + 100, ..flow });
        }
    }

    fn control(&self, request: &[u8], _cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        self.rules.write().clear();
        self.table.flows.remove_if(&u32::from(request[0]), |_, flow| flow.packets > 2);
        Ok(self.table.flows.len().to_be_bytes().to_vec())
    }

    fn report(&self, metrics: &mut Metrics) {
        metrics.gauge("flows", self.table.flows.peek_len() as f64);
        metrics.gauge("rules", self.rules.peek().len() as f64);
    }
}

/// Frames of different flows, so that both cores have some.
fn frame(i: u32) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[0] = (i * 7 % 251) as u8;
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14] = 0x45;
    frame[17] = 46;
    frame[23] = 17;
    frame[26..30].copy_from_slice(&[10, 0, 0, (i % 16) as u8]);
    frame[30..34].copy_from_slice(&[10, 0, 1, 1]);
    frame[34..38].copy_from_slice(&[4, i as u8 % 16, 0, 53]);
    frame
}

#[test]
fn any_crash_is_recovered_exactly() {
    let trace: Vec<Input> = (0..500)
        .map(|i| match i % 50 {
            17 => Input::Tick,
            33 => Input::Control(vec![(i % 24) as u8]),
            _ => Input::Packet(PortId(0), frame(i)),
        })
        .collect();
    let crashes = std::env::var("FTMB_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(25);
    assert_recoverable(Ported::new, &trace, crashes);
}

#[test]
fn a_report_peeks_at_ported_locks() {
    let ported = Ported::new();
    let mut metrics = Metrics::default();
    ported.report(&mut metrics);
    assert_eq!(metrics.iter().collect::<Vec<_>>(), [("flows", 0.0), ("rules", 1.0)]);
}
