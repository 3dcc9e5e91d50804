//! Whatever ends `up`, nothing of its group is left, or the next `up` removes it and says so; a group that runs is never touched.

mod group;

use std::path::Path;
use std::time::{Duration, Instant};

use ftmb_netio::group_record::{CoreStat, GroupRecord, Identity};
use group::{Finished, PATIENCE, Place, Running, kill, master, processes};
use rustix::process::{Pid, Signal, kill_process};

/// `up` with a state directory of its own.
fn start(place: &Place) -> (Running, GroupRecord) {
    let mut up = place.up();
    up.args(["--cores", "2", "--state-dir"]).arg(place.path().join("state")).env("FTMB_LOG", "info");
    let mut running = place.spawn(up);
    let record = running.record();
    (running, record)
}

fn assert_gone(place: &Place, before: &[Identity]) {
    assert!(before.len() >= 3, "{before:?}");
    for process in before {
        assert_ne!(Identity::of(process.pid), Some(*process), "a process is left");
    }
    assert!(!place.group().exists(), "the directory is left");
    let state: Vec<_> = std::fs::read_dir(place.path().join("state")).into_iter().flatten().collect();
    assert!(state.is_empty(), "state is left: {state:?}");
}

#[test]
fn after_any_of_the_signals_that_ask_for_an_end() {
    let Some(place) = Place::find() else { return };
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut running, record) = start(&place);
        let before = processes(&record);
        running.signal(signal);
        let finished = running.wait();
        assert_eq!(finished.code, Some(0), "{signal:?}: {finished:?}");
        assert!(finished.errors.contains("asked to end"), "{finished:?}");
        assert_gone(&place, &before);
    }
}

#[test]
fn after_a_kill_of_everything_at_the_moment_of_the_end() {
    let Some(place) = Place::find() else { return };
    let (mut running, record) = start(&place);
    let before = processes(&record);
    running.signal(Signal::TERM);
    for process in &before {
        kill(*process);
    }
    let finished = running.wait();
    assert!(finished.code.is_some(), "{finished:?}");
    assert_gone(&place, &before);
}

#[test]
fn asked_twice_it_ends_without_waiting_for_what_is_stamped() {
    let Some(place) = Place::find() else { return };
    let (mut running, record) = start(&place);
    let before = processes(&record);
    let stamped = || (0..2).map(|core| record.core_stat(core, CoreStat::Stamped)).sum::<u64>();
    // What is stamped from now on is not processed.
    let master = Pid::from_raw(master(&record).expect("it has one").pid as i32).expect("a pid");
    kill_process(master, Signal::STOP).expect("ours");
    let now = stamped();
    running.until("packets that nobody processes", |_| stamped() >= now + 2);
    running.signal(Signal::TERM);
    running.until("the first to be heard", |running| running.errors().contains("asked to end"));
    // Signals that come together are one.
    std::thread::sleep(Duration::from_millis(1200));
    running.signal(Signal::TERM);
    let finished = running.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.errors.contains("killed before it has ended in good order"), "{finished:?}");
    assert_gone(&place, &before);
}

/// Kills the parent as nothing can prepare for; returns who is left.
fn orphaned(place: &Place) -> (Vec<Identity>, Identity) {
    let (mut running, record) = start(place);
    let (left, parent) = (processes(&record), record.parent().expect("it has one"));
    running.signal(Signal::KILL);
    running.wait();
    assert!(place.group().exists(), "nobody could remove it");
    (left, parent)
}

#[test]
fn what_a_killed_parent_left_is_removed_by_the_next_up() {
    let Some(place) = Place::find() else { return };
    let (left, parent) = orphaned(&place);
    // At once: some of them are on their way out.
    let (mut running, record) = start(&place);
    assert_ne!(record.parent(), Some(parent));
    for process in &left {
        assert_ne!(Identity::of(process.pid), Some(*process), "a process of the old group lives beside the new one");
    }
    let errors = running.errors();
    assert!(errors.contains("a stale group of this name is removed"), "{errors}");
    running.interrupt();
    assert_eq!(running.wait().code, Some(0));
    assert_gone(&place, &left);
}

#[test]
fn processes_that_do_not_end_by_themselves_are_ended() {
    let Some(place) = Place::find() else { return };
    let (mut running, record) = start(&place);
    let left = processes(&record);
    for process in &left {
        let pid = Pid::from_raw(process.pid as i32).expect("a pid");
        kill_process(pid, Signal::STOP).expect("ours");
    }
    running.signal(Signal::KILL);
    running.wait();
    let (mut running, _) = start(&place);
    running.interrupt();
    assert_eq!(running.wait().code, Some(0));
    assert_gone(&place, &left);
}

#[test]
fn a_group_that_runs_is_refused_and_goes_on() {
    let Some(place) = Place::find() else { return };
    let (mut running, record) = start(&place);
    let before = processes(&record);
    let second: Finished = place.up().output().expect("runs").into();
    assert_eq!(second.code, Some(1), "{second:?}");
    let parent = record.parent().expect("it has one").pid;
    assert!(second.errors.contains(&format!("a group of this name is running (process {parent})")), "{second:?}");
    assert!(running.runs() && place.group().join("group").exists());
    assert_eq!(processes(&record), before);
    // Without master and gateway, too: its parent is about to replace them.
    let (gateway, master) = (record.gateway().expect("it has one"), master(&record).expect("it has one"));
    kill(master);
    kill(gateway);
    let second: Finished = place.up().output().expect("runs").into();
    assert!(second.errors.contains("is running"), "{second:?}");
    recovers(&mut running, &record);
    running.interrupt();
    assert_eq!(running.wait().code, Some(0));
}

fn recovers(running: &mut Running, record: &GroupRecord) {
    let since = Instant::now();
    running.until("a takeover", |_| record.epoch() > 1 && record.is_active());
    assert!(since.elapsed() < PATIENCE);
}

#[test]
fn an_address_for_metrics_that_is_taken_is_refused_before_anything_is_made() {
    let Some(place) = Place::find() else { return };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let finished: Finished = place.up().args(["--metrics", &address]).output().expect("runs").into();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains(&format!("with a free port, found {address}")), "{finished:?}");
    assert!(!place.group().exists() && !Path::new(&place.path().join("out.pcap")).exists());
}
