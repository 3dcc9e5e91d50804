//! A journal has recorded a group of two cores that was killed now and then. Run again from the journal alone, it gives every packet
//! the number that it had, also from a copy that was made while it ran.

#[allow(dead_code, reason = "others use all of it")]
mod capture;
mod group;
#[allow(dead_code, reason = "others use all of it")]
mod journal;

use std::collections::BTreeMap;
use std::path::Path;

use group::{Finished, Place, kill, master};
use journal::{Frames, World, tear};

const PACKETS: u64 = 6_000;

fn numbers(path: &Path) -> BTreeMap<u64, u64> {
    capture::read(path).iter().map(Frames::index_and_number).collect()
}

fn replay(place: &Place, journal: &Path, out: &Path) -> Finished {
    let mut command = std::process::Command::new(group::example("sequencer"));
    command.args(["journal", "replay"]).arg(journal).arg("--in").arg(place.path().join("replays"));
    command.args(["--out", &format!("right=pcap::{}", out.display())]).env("FTMB_LOG", "error");
    command.output().expect("runs").into()
}

#[test]
fn more_than_a_log_of_outputs_holds_is_run_again() {
    let Some(place) = Place::find() else { return };
    let world = World::new(&place, "async", "1", 20_000);
    // 12 MiB between two checkpoints of the replay; outputs have 8 MiB, and less where there is less memory.
    Frames::write_long(&world.input, 9_000, 1_400);
    let finished = world.start().wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let again = world.output.with_file_name("again.pcap");
    let finished = replay(&place, &world.journal, &again);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.text.contains(" 9,000 outputs of "), "{finished:?}");
    assert_eq!(numbers(&again), numbers(&world.output));
}

#[test]
fn a_recorded_run_is_run_again_and_agrees() {
    let Some(place) = Place::find() else { return };
    let world = World::new(&place, "sync", "2", 3_000);
    Frames::write(&world.input, PACKETS);
    let mut running = world.start();
    let record = running.record();
    for at in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(350));
        let epoch = record.epoch();
        assert!(master(&record).is_some_and(kill));
        running.until("the takeover", |_| record.epoch() > epoch && record.is_active());
        if at == 1
            && let Some(gateway) = record.gateway()
        {
            kill(gateway);
        }
    }
    let copy = world.copy_journal(0);
    let finished = running.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let recorded = numbers(&world.output);
    assert_eq!(recorded.len() as u64, PACKETS);

    let again = world.output.with_file_name("again.pcap");
    let finished = replay(&place, &world.journal, &again);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.text.contains("6,000 outputs of "), "{finished:?}");
    assert!(finished.text.ends_with("came out as they had been\n"), "{finished:?}");
    assert_eq!(numbers(&again), recorded);
    assert_eq!(std::fs::read_dir(place.path().join("replays")).expect("there").count(), 0, "nothing is left of it");

    // What was there when it was copied, with a last batch that is torn.
    tear(&copy, 3);
    let finished = replay(&place, &copy, &again);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let part = numbers(&again);
    let differ = part.iter().filter(|(index, number)| recorded[*index] != **number).count();
    // Of the last inputs the determinants may be missing: what they give is decided anew, and they are counted.
    let more = finished
        .text
        .lines()
        .nth(1)
        .map_or(0, |line| line.split(' ').next().expect("a word").replace(',', "").parse().expect("a number"));
    assert!(part.len() > 100 && differ <= more && more < part.len() / 2, "{differ} of {}: {finished:?}", part.len());

    let check = |journal: &Path| -> Finished {
        let mut command = std::process::Command::new(group::example("sequencer"));
        command.args(["journal", "check"]).arg(journal).output().expect("runs").into()
    };
    assert!(check(&world.journal).text.contains("; ended in good order\n"));
    assert!(check(&copy).text.contains("; unfinished: checkpoint "), "{:?}", check(&copy));
    let error = check(place.path()).errors;
    assert!(error.contains("expected a journal with a run"), "{error}");
}
