//! The power fails while a group runs: all processes and all of their memory are gone, and what was on its way to the disk is there
//! in part, or not. What is left is the journal, and what had left before. A new group goes on from that: no packet that had left
//! is contradicted, and every packet has left once.
//!
//! A power loss is simulated by copying the journal while it is written, and by tearing the last batch of the copy. The sequencer
//! gives each packet a number of its own, from one lock that all cores share: any difference in who came when shows.

#[allow(dead_code, reason = "others use all of it")]
mod capture;
mod group;
mod journal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ftmb_netio::journal::Recovery;
use group::{Place, kill, master, times};
use journal::{Frames, World, tear};

/// Packets that the sequencer is sent.
const PACKETS: u64 = 12_000;
/// Per second.
const RATE: u64 = 4_000;

/// Which number each packet got; panics if one has two.
fn numbers(outputs: &Path) -> BTreeMap<u64, u64> {
    let mut numbers = BTreeMap::new();
    for frame in capture::read(outputs) {
        let (index, number) = Frames::index_and_number(&frame);
        let known = *numbers.entry(index).or_insert(number);
        assert_eq!(known, number, "packet {index} left with two numbers");
    }
    numbers
}

/// Everything has left, each packet with a number of its own. `elsewhere`: what packets got that had left after what is here was
/// copied and before the power failed: they are not sent again.
fn assert_whole(outputs: &Path, elsewhere: &BTreeMap<u64, u64>) -> BTreeMap<u64, u64> {
    let numbers = numbers(outputs);
    let mut all = elsewhere.clone();
    all.extend(&numbers);
    assert!(all.keys().copied().eq(0..PACKETS), "{} of {PACKETS} packets have left", all.len());
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=PACKETS), "two packets have the same number, or a number is missing");
    numbers
}

/// Runs a group to its end, kills its processes now and then, and takes copies of its journal; then lets a group go on from each.
fn power_fails(durability: &str, copies: usize) {
    let Some(place) = Place::find() else { return };
    let world = World::new(&place, durability, "2", RATE);
    Frames::write(&world.input, PACKETS);
    let mut running = world.start();
    let record = running.record();
    let mut taken: Vec<(PathBuf, PathBuf)> = Vec::new();
    for at in 0..copies {
        std::thread::sleep(std::time::Duration::from_millis(1600 / copies as u64));
        if at % 3 == 1
            && let Some(member) = master(&record)
        {
            kill(member);
        }
        if at % 3 == 2
            && let Some(gateway) = record.gateway()
        {
            kill(gateway);
        }
        // First what has left, then the journal: what had left by then must be in it.
        let left = world.copy_output(at);
        if durability == "async" {
            world.until_written(&mut running, &record, 3);
        }
        taken.push((left, world.copy_journal(at)));
    }
    let finished = running.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let original = assert_whole(&world.output, &BTreeMap::new());
    let go_on = |what: &str, left: &Path, copy: &Path, torn: Option<u64>| {
        world.put_back(left, copy);
        if let Some(seed) = torn {
            tear(&world.journal, seed);
        }
        if Recovery::find(&world.journal).expect("sound").is_none() {
            // The group had ended in good order: on a machine that is busy a copy may come too late.
            return 0;
        }
        let before = numbers(&world.output);
        let finished = world.start().wait();
        assert_eq!(finished.code, Some(0), "{what}: {finished:?}");
        let after = assert_whole(&world.output, &original);
        assert!(before.iter().all(|(index, number)| after[index] == *number), "{what}: what had left has changed");
        1
    };
    let mut gone_on = 0;
    for (at, (left, copy)) in taken.iter().enumerate() {
        gone_on += go_on(&format!("copy {at}"), left, copy, None);
    }

    // The last batch did not come through in full, or hardly at all. What had left by the copy before was in an earlier one.
    for (at, pair) in taken.windows(2).enumerate() {
        gone_on += go_on(&format!("torn copy {at}"), &pair[0].0, &pair[1].1, Some(at as u64));
    }
    assert!(gone_on >= copies, "{gone_on} groups have gone on");
}

#[test]
fn with_outputs_that_wait_for_the_disk_nothing_that_had_left_is_contradicted() {
    power_fails("sync", times("FTMB_POWER_LOSSES", 5) as usize);
}

#[test]
fn with_outputs_that_do_not_wait_nothing_that_was_written_is_contradicted() {
    power_fails("async", times("FTMB_POWER_LOSSES", 4) as usize);
}
