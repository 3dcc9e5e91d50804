//! `assert_deterministic` passes a middlebox that keeps to the rules, and of each that does not it names what differs first and why.
//!
//! The broken ones reach for what the attributes cannot see: functions outside of annotated blocks.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};

use ftmb::prelude::*;
use ftmb::testing::{Input, assert_deterministic};

/// What is written into each packet, and what it is taken from.
type Leak = fn(&[u8], usize) -> u64;

#[ftmb::shared]
struct Leaky {
    #[ftmb(config)]
    leak: Leak,
    /// Whether the leak chooses a lock instead of being written.
    #[ftmb(config)]
    chooses: bool,
    /// Whether it goes into the state instead of into the packet.
    #[ftmb(config)]
    hides: bool,
    last: u64,
    shards: Vec<Mutex<u64>>,
}

#[ftmb::middlebox]
impl Leaky {
    fn new(leak: Leak) -> Self {
        Self { leak, chooses: false, hides: false, last: 0, shards: (0..8).map(Mutex::new).collect() }
    }

    fn choosing(leak: Leak) -> Self {
        Self { leak, chooses: true, hides: false, last: 0, shards: (0..8).map(Mutex::new).collect() }
    }

    fn hiding(leak: Leak) -> Self {
        Self { leak, chooses: false, hides: true, last: 0, shards: (0..8).map(Mutex::new).collect() }
    }
}

#[ftmb::middlebox]
impl Middlebox for Leaky {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let leak = (self.leak)(packet.bytes(), cx.core());
        if self.chooses {
            *self.shards[leak as usize % 8].lock().unwrap() += 1;
        } else if self.hides {
            self.last = leak;
        } else {
            *self.shards[cx.core()].lock().unwrap() += 1;
            packet.bytes_mut()[40..48].copy_from_slice(&leak.to_be_bytes());
        }
        Verdict::Forward(PortId(1))
    }
}

/// Packets of 16 flows, with a tick and a control request now and then.
fn trace() -> Vec<Input> {
    let packet = |i: u8| {
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14] = 0x45;
        frame[17] = 46;
        frame[23] = 17;
        frame[26..34].copy_from_slice(&[10, 0, 0, i % 16, 10, 0, 1, 1]);
        frame[34..38].copy_from_slice(&[4, i % 16, 0, 53]);
        frame[50..58].copy_from_slice(&[i, i ^ 1, i ^ 2, i ^ 3, i ^ 4, i ^ 5, i ^ 6, i ^ 7]);
        frame
    };
    (0..200)
        .map(|i| match i % 50 {
            20 => Input::Tick,
            30 => Input::Control(vec![i]),
            _ => Input::Packet(PortId(0), packet(i)),
        })
        .collect()
}

/// What the check says.
fn report<M: Middlebox>(make: impl Fn() -> M) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| assert_deterministic(make, &trace()))).expect_err("it is not");
    payload.downcast_ref::<String>().expect("a message").clone()
}

fn assert_says(report: &str, words: &[&str]) {
    for word in words {
        assert!(report.contains(word), "expected `{word}` in:\n{report}");
    }
}

#[test]
fn a_real_clock_is_named() {
    let leak: Leak = |_, _| {
        let since = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
        since.as_nanos() as u64
    };
    assert_says(&report(move || Leaky::new(leak)), &["output 1 of core 0, for packet 1", "likely cause: a real clock"]);
}

#[test]
fn a_clock_without_a_date_is_named() {
    static BEGIN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    let _ = *BEGIN;
    let leak: Leak = |_, _| 1 + BEGIN.elapsed().as_nanos() as u64;
    assert_says(&report(move || Leaky::hiding(leak)), &["variable `last`", "likely cause: a real clock"]);
}

#[test]
fn an_address_is_named() {
    let leak: Leak = |bytes, _| bytes.as_ptr() as u64;
    assert_says(&report(move || Leaky::new(leak)), &["output 1 of core 0", "likely cause: an address used as data"]);
    let leak: Leak = |_, _| {
        let local = 0_u8;
        &raw const local as u64
    };
    assert_says(&report(move || Leaky::hiding(leak)), &["variable `last`", "likely cause: an address used as data"]);
}

#[test]
fn an_unordered_iteration_is_named() {
    let leak: Leak = |bytes, _| {
        let unordered: HashMap<u8, ()> = bytes[50..58].iter().map(|byte| (*byte, ())).collect();
        unordered.keys().fold(0, |all, byte| all << 8 | u64::from(*byte))
    };
    assert_says(&report(move || Leaky::new(leak)), &["output 1 of core 0", "likely cause: an unordered iteration"]);
}

#[test]
fn an_untracked_static_is_named() {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let leak: Leak = |_, _| COUNT.fetch_add(1, Ordering::SeqCst);
    let words =
        ["on 1 core", "output 1 of core 0", "likely cause: an untracked `static`", "help: put `#[ftmb::shared]` on"];
    assert_says(&report(move || Leaky::new(leak)), &words);
}

#[test]
fn a_static_that_only_the_order_of_cores_changes_is_named() {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let leak: Leak = |_, core| {
        let last = LAST.swap(core as u64, Ordering::SeqCst);
        std::thread::yield_now();
        last
    };
    let words = ["on 2 cores", "an untracked `static`, or a lock or atomic of a library, that the cores share"];
    assert_says(&report(move || Leaky::new(leak)), &words);
}

#[test]
fn state_that_no_checkpoint_holds_is_named() {
    thread_local! { static COUNT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) } }
    let leak: Leak = |_, _| COUNT.replace(COUNT.get() + 1);
    let words = ["from a checkpoint in the middle", "output 99 of core 0", "`thread_local!`"];
    assert_says(&report(move || Leaky::new(leak)), &words);
}

#[test]
fn another_lock_is_named() {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let leak: Leak = |_, _| COUNT.fetch_add(1, Ordering::SeqCst) % 7;
    let words = ["replay diverged on core 0", "shards[", "expected W(", "likely cause"];
    assert_says(&report(move || Leaky::choosing(leak)), &words);
}

#[test]
fn a_panic_of_the_middlebox_is_passed_on() {
    let leak: Leak = |bytes, _| if bytes[50] == 90 { panic!("the ninetieth") } else { 0 };
    assert_says(&report(move || Leaky::new(leak)), &["core 0 panicked", "the ninetieth"]);
}

/// Uses everything that replay can repeat.
#[ftmb::shared]
struct Proper {
    flows: RwLock<HashMap<u8, u64>>,
    ordered: Mutex<BTreeMap<u64, u8>>,
    hits: AtomicU64,
    total: u64,
    names: Vec<String>,
    #[ftmb(per_core)]
    own: u64,
    seen: Counter,
}

#[ftmb::middlebox]
impl Proper {
    fn new() -> Self {
        Self {
            flows: RwLock::default(),
            ordered: Mutex::default(),
            hits: AtomicU64::new(0),
            total: 0,
            names: Vec::new(),
            own: 0,
            seen: Counter::new(),
        }
    }
}

#[ftmb::middlebox]
impl Middlebox for Proper {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let byte = packet.bytes()[50];
        self.seen.add(1);
        *self.flows.write().unwrap().entry(byte % 8).or_insert(0) += 1;
        let order =
            self.flows.read().unwrap().iter().fold(0, |all: u64, (key, n)| all.rotate_left(7) ^ u64::from(*key) ^ n);
        let hits = self.hits.fetch_add(order, Ordering::Relaxed);
        if let Ok(mut ordered) = self.ordered.try_lock() {
            ordered.insert(hits, byte);
        }
        self.total += order ^ ftmb::time::real().as_nanos();
        let own = {
            let mut own = self.own.borrow_mut();
            *own += 1;
            *own
        };
        self.names.push(format!("{byte} on {}", cx.core()));
        let drawn: u64 = rand::random();
        let now = std::time::Instant::now();
        let mixed = self.total ^ drawn ^ now.as_nanos() ^ own ^ self.names.len() as u64;
        packet.bytes_mut()[40..48].copy_from_slice(&mixed.to_be_bytes());
        if byte.is_multiple_of(5) {
            cx.emit(PortId(2), &order.to_le_bytes()).unwrap();
        }
        if byte.is_multiple_of(3) { Verdict::Drop } else { Verdict::Forward(PortId(1)) }
    }

    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() == 0 {
            self.flows.write().unwrap().retain(|_, count| *count % 3 != 0);
        }
    }

    fn control(&self, request: &[u8], _cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        self.total += request.len() as u64;
        Ok(self.total.to_be_bytes().to_vec())
    }
}

#[test]
fn one_that_keeps_to_the_rules_passes() {
    assert_deterministic(Proper::new, &trace());
    assert_deterministic(Proper::new, &[]);
}
