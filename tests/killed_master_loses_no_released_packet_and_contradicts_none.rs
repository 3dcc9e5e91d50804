//! A sequencer stamps every packet with a number that all cores share, and its master is killed again and again: the stamps that
//! come out are exactly 1 to n, each once.
//!
//! `FTMB_KILL_RUNS` says how many seeds are tried.

mod group;

use group::{Place, times};

#[test]
fn released_stamps_are_exactly_one_to_n_across_kills() {
    for seed in 1..=times("FTMB_KILL_RUNS", 3) {
        let Some(place) = Place::find() else { return };
        let seed = seed.to_string();
        let arguments = ["--rate", "10k", "--seconds", "2.5", "--kills", "4", "--cores", "2", "--seed", &seed];
        let report = place.demo("sequencer", arguments);
        report.assert_exact(4);
        assert!(report.count("epochs") >= 5, "{report:?}");
    }
}

#[test]
fn many_kills_of_which_some_hit_a_master_that_still_replays_change_nothing() {
    let Some(place) = Place::find() else { return };
    let arguments = ["--rate", "5k", "--seconds", "4", "--kills", "10", "--cores", "3", "--seed", "77"];
    place.demo("sequencer", arguments).assert_exact(10);
}
