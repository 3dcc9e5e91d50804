//! A group without a standby: a keeper holds the image, and a killed master is replaced by a process that starts from it.

mod group;

use group::Place;

fn kill(example: &str, what: &str, seed: &str) {
    let Some(place) = Place::find() else { return };
    let arguments = ["--standby", "none", "--rate", "8k", "--seconds", "2.5", "--kills", "3"];
    let report = place.demo(example, arguments.into_iter().chain(["--kill", what, "--seed", seed]));
    report.assert_exact(3);
    assert_eq!(report.kills_of(what), 3, "{report:?}");
}

#[test]
fn when_the_master_is_killed() {
    kill("sequencer", "master", "21");
}

#[test]
fn when_the_keeper_is_killed() {
    kill("sequencer", "standby", "22");
}

#[test]
fn when_the_gateway_is_killed() {
    kill("nat", "gateway", "23");
}

#[test]
fn when_all_are_killed() {
    kill("nat", "all", "24");
}
