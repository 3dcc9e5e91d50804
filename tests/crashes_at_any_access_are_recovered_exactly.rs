//! A middlebox that does everything at once (nested sections, crossed guards, readers and writers, tries, draws, atomics, per-core
//! state, maps) is crashed at random tracked accesses, also during replay, and recovers exactly each time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};

use ftmb::prelude::*;
use ftmb::testing::{Crash, Group, Input, assert_recoverable};

#[ftmb::state]
#[derive(Clone, Default)]
struct Cache {
    seen: u64,
    last: Vec<u8>,
}

#[ftmb::shared]
struct Everything {
    total: Mutex<u64>,
    order: Mutex<Vec<u32>>,
    flows: RwLock<HashMap<u8, u64>>,
    shards: Vec<Mutex<u64>>,
    hits: AtomicU64,
    generation: u32,
    #[ftmb(per_core)]
    cache: Cache,
    packets: Counter,
}

#[ftmb::middlebox]
impl Everything {
    fn new() -> Self {
        Self {
            total: Mutex::new(0),
            order: Mutex::new(Vec::new()),
            flows: RwLock::new(HashMap::new()),
            shards: (0..4).map(Mutex::new).collect(),
            hits: AtomicU64::new(0),
            generation: 0,
            cache: Cache::default(),
            packets: Counter::new(),
        }
    }
}

#[ftmb::middlebox]
impl Middlebox for Everything {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let byte = packet.bytes()[0];
        self.packets.add(1);
        let mut mixed = u64::from(byte);
        {
            let mut total = self.total.lock().unwrap();
            let flows = self.flows.read().unwrap();
            mixed = mixed.wrapping_add(*total).wrapping_add(flows.get(&(byte % 8)).copied().unwrap_or(0));
            drop(flows);
            *total = total.wrapping_mul(31).wrapping_add(mixed);
        }
        if byte.is_multiple_of(3) {
            let mut flows = self.flows.write().unwrap();
            let flow = flows.entry(byte % 8).or_insert(0);
            *flow = flow.wrapping_add(mixed);
            if flows.len() > 6 {
                flows.remove(&(byte % 5));
            }
        }
        let shard = self.shards[usize::from(byte) % 4].lock().unwrap();
        let other = self.hits.fetch_add(*shard, Ordering::Relaxed);
        let mut order = self.order.lock().unwrap();
        drop(shard);
        order.push(u32::from(byte) ^ other as u32);
        if order.len() > 100 {
            order.clear();
        }
        drop(order);
        if let Ok(mut shard) = self.shards[usize::from(byte) % 2].try_lock() {
            *shard += 1;
        } else {
            self.generation += 1;
        }
        if byte.is_multiple_of(7) {
            self.generation += 1;
            mixed ^= ftmb::time::real().as_nanos();
            mixed ^= u64::from(rand::random::<u32>());
        }
        let mut cache = self.cache.borrow_mut();
        cache.seen += 1;
        cache.last = packet.bytes()[..4].to_vec();
        mixed ^= cache.seen;
        drop(cache);
        mixed ^= u64::from(self.generation);
        let now = std::time::Instant::now();
        mixed ^= now.as_nanos();
        packet.bytes_mut()[8..16].copy_from_slice(&mixed.to_be_bytes());
        if byte.is_multiple_of(11) {
            cx.emit(PortId(2), &mixed.to_le_bytes()).unwrap();
        }
        if byte.is_multiple_of(13) { Verdict::Drop } else { Verdict::Forward(PortId(1)) }
    }

    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() == 0 {
            self.flows.write().unwrap().retain(|_, count| *count % 5 != 0);
            self.generation += 1;
        }
    }

    fn control(&self, request: &[u8], _cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        self.generation += request.len() as u32;
        Ok(self.total.lock().unwrap().to_be_bytes().to_vec())
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
    let trace: Vec<Input> = (0..600)
        .map(|i| match i % 50 {
            17 => Input::Tick,
            33 => Input::Control(vec![1, 2]),
            _ => Input::Packet(PortId(0), frame(i)),
        })
        .collect();
    let crashes = std::env::var("FTMB_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    assert_recoverable(Everything::new, &trace, crashes);
}

#[test]
fn every_input_is_processed_once_across_a_crash_and_one_during_its_recovery() {
    for seed in 0..10 {
        let mut group = Group::seeded(2, seed, Everything::new).unwrap();
        for i in 0..400 {
            group.send(PortId(0), &frame(i));
            if i % 90 == 60 {
                group.checkpoint().unwrap();
            }
        }
        group.crash(Crash::AtAccess(100 + 37 * seed));
        group.start_recovery().unwrap();
        group.crash(Crash::AtAccess(20 * seed));
        group.recover().unwrap();
        group.settle().unwrap();
        let forwarded = (0..400_u32).filter(|i| (i * 7 % 251) % 13 != 0).count();
        let mut sources: Vec<u64> = group.released(PortId(1)).map(|output| output.source).collect();
        sources.sort_unstable();
        sources.dedup();
        assert_eq!(sources.len(), forwarded);
        assert_eq!(group.released(PortId(1)).count(), forwarded);
        group.verify().unwrap();
    }
}

/// Reads something that no log knows.
#[ftmb::shared]
struct Leaky {
    seen: Mutex<u64>,
}

static OUTSIDE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[ftmb::middlebox]
impl Leaky {
    fn new() -> Self {
        Self { seen: Mutex::new(0) }
    }
}

#[ftmb::middlebox]
impl Middlebox for Leaky {
    fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        *self.seen.lock().unwrap() += 1;
        let leak = OUTSIDE.fetch_add(1, Ordering::SeqCst);
        packet.bytes_mut()[..8].copy_from_slice(&leak.to_be_bytes());
        Verdict::Forward(PortId(1))
    }
}

#[test]
fn a_middlebox_that_is_not_deterministic_is_reported_not_passed_over() {
    let mut group = Group::new(2, Leaky::new).unwrap();
    for i in 0..200 {
        group.send(PortId(0), &frame(i));
    }
    while group.outputs().len() < 100 {
        group.poll().unwrap();
    }
    group.crash(Crash::Now);
    let error = group.recover().expect_err("replay regenerates other outputs than were released");
    assert!(error.to_string().contains("hash"), "{error}");
}
