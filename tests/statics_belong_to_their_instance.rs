//! State in `static` items: it survives a crash like fields do, and no instance sees another one's.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use ftmb::prelude::*;
use ftmb::testing::{Crash, Group, Input, assert_recoverable};
use ftmb_runtime::instance::{Instance, InstanceError};

/// Packets per first byte.
#[ftmb::shared]
static SESSIONS: LazyLock<Mutex<HashMap<u8, u32>>> = LazyLock::new(|| Mutex::new(HashMap::new()));

mod totals {
    use super::*;

    #[ftmb::shared]
    pub static PACKETS: AtomicU64 = AtomicU64::new(FIRST);

    const FIRST: u64 = 100;
}

#[ftmb::shared]
struct Stamper {
    ticks: u64,
}

#[ftmb::middlebox]
impl Stamper {
    fn new() -> Self {
        // The constructor sees the copies of its own instance.
        SESSIONS.lock().unwrap().insert(255, 7);
        Self { ticks: 0 }
    }
}

fn count(first: u8) -> u32 {
    let mut sessions = SESSIONS.lock().unwrap();
    let count = sessions.entry(first).or_insert(0);
    *count += 1;
    *count
}

#[ftmb::middlebox]
impl Middlebox for Stamper {
    fn process(&self, packet: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict {
        let count = count(packet.bytes()[0]);
        let total = totals::PACKETS.fetch_add(1, Ordering::Relaxed);
        packet.bytes_mut()[..4].copy_from_slice(&count.to_be_bytes());
        packet.bytes_mut()[4..12].copy_from_slice(&total.to_be_bytes());
        Verdict::Forward(PortId(1))
    }

    fn tick(&self, _: &mut Context<'_>) {
        self.ticks += 1;
    }

    fn report(&self, metrics: &mut ftmb::middleboxes::Metrics) {
        metrics.gauge("sessions", SESSIONS.peek().len() as f64);
    }
}

fn totals_of(group: &Group<Stamper>) -> Vec<u64> {
    let stamp = |bytes: &[u8]| u64::from_be_bytes(bytes[4..12].try_into().unwrap());
    let mut totals: Vec<u64> = group.released(PortId(1)).map(|output| stamp(&output.bytes)).collect();
    totals.sort_unstable();
    totals
}

#[test]
fn a_statics_content_survives_crashes() {
    let mut group = Group::new(2, Stamper::new).unwrap();
    for round in 0..4_u64 {
        for i in 0..50_u8 {
            group.send(PortId(0), &[i % 5; 60]);
        }
        group.crash(Crash::AtAccess(20 * round));
        group.recover().unwrap();
    }
    group.settle().unwrap();
    assert_eq!(totals_of(&group), (100..300).collect::<Vec<_>>());
}

#[test]
fn recovery_of_statics_is_exact() {
    let trace: Vec<Input> = (0..150_u8).map(|i| Input::Packet(PortId(0), vec![i % 7; 64])).collect();
    assert_recoverable(Stamper::new, &trace, 4);
}

#[test]
fn two_groups_in_one_process_share_nothing() {
    let mut groups = [(); 2].map(|()| Group::new(1, Stamper::new).unwrap());
    for i in 0..20 {
        for group in &mut groups {
            group.send(PortId(0), &[i; 60]);
        }
    }
    for group in &mut groups {
        group.settle().unwrap();
        assert_eq!(totals_of(group), (100..120).collect::<Vec<_>>());
    }
}

#[test]
fn statics_are_numbered_after_the_root_by_sorted_name() {
    let instance = Instance::construct(1, None, || Ok::<_, InstanceError>(Stamper::new())).unwrap();
    let names: Vec<&str> = (0..instance.table().len() as u32).filter_map(|id| instance.table().name(id)).collect();
    let module = module_path!();
    assert_eq!(names, ["ticks", &format!("{module}::SESSIONS"), &format!("{module}::totals::PACKETS")]);
    let mut metrics = ftmb::middleboxes::Metrics::default();
    instance.report(&mut metrics);
    assert_eq!(metrics.iter().map(|(_, value)| value.to_string()).collect::<Vec<_>>(), ["1"]);
}

/// The only test that uses the process's own copy, which all tests of a process share.
#[test]
fn outside_of_any_instance_a_unit_test_finds_a_copy_of_the_process_and_no_instance_sees_it() {
    SESSIONS.lock().unwrap().insert(7, 7);
    assert_eq!(SESSIONS.lock().unwrap().get(&7), Some(&7));
    let instance = Instance::construct(1, None, || Ok::<_, InstanceError>(Stamper::new())).unwrap();
    let mut metrics = ftmb::middleboxes::Metrics::default();
    instance.report(&mut metrics);
    assert_eq!(metrics.iter().map(|(_, value)| value.to_string()).collect::<Vec<_>>(), ["1"]);
}
