//! The master is killed, and so is its successor while it still replays: as soon as its epoch has begun, before it is active.

mod group;

use std::time::{Duration, Instant};

use ftmb_netio::group_record::GroupRecord;
use group::{PATIENCE, Place, Running, kill, master};

/// Kills the master, and its successors `again` times before they are active; returns how many of these kills came in time.
fn kill_in_replay(running: &mut Running, record: &GroupRecord, again: u64) -> u64 {
    let before = record.epoch();
    assert!(kill(master(record).expect("an active epoch has a master")), "the master is there");
    let mut hit = 0;
    for epoch in before + 1..=before + again {
        let since = Instant::now();
        // Not slept between two looks: a replay may be over within a millisecond.
        while record.epoch() < epoch {
            assert!(since.elapsed() < PATIENCE && running.runs(), "no epoch {epoch}");
            std::thread::yield_now();
        }
        // Without a standby the epoch begins before its master is there.
        let mut successor = master(record);
        while successor.is_none() && record.active() < epoch {
            assert!(since.elapsed() < PATIENCE && running.runs(), "no master of epoch {epoch}");
            std::thread::yield_now();
            successor = master(record);
        }
        let killed = successor.is_some_and(kill);
        // Activity is read after the kill: not active now, so it never was.
        if killed && record.active() < epoch {
            hit += 1;
        } else {
            break;
        }
    }
    running.until("the group to recover", |_| record.is_active() && record.epoch() > before);
    hit
}

fn run(standby: &str) {
    let Some(place) = Place::find() else { return };
    let arguments = ["--rate", "5k", "--seconds", "8", "--kills", "0", "--cores", "2", "--seed", "41", "--json"];
    // Rare checkpoints: much to replay.
    let mut running = place.start(
        "sequencer",
        "demo",
        arguments.into_iter().chain(["--standby", standby, "--checkpoint-interval", "500"]),
    );
    let record = running.record();
    let (mut hits, since) = (0, Instant::now());
    for round in 0..3 {
        std::thread::sleep(Duration::from_millis(500));
        hits += kill_in_replay(&mut running, &record, 1 + round % 2);
        // Again only once the group is what it was, and while there is traffic.
        let record = running.record();
        assert!(record.is_active());
        if since.elapsed() > Duration::from_secs(5) {
            break;
        }
    }
    let report = running.report();
    report.assert_exact(0);
    assert!(hits >= 1, "no kill hit a replaying master: {report:?}");
}

#[test]
fn with_a_standby() {
    run("passive");
}

#[test]
fn without_a_standby() {
    run("none");
}
