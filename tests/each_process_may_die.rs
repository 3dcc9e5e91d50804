//! Whichever process of a group is killed, alone or together with others, nothing that was sent is lost, comes out twice or is
//! contradicted.

mod group;

use group::Place;

fn kill(example: &str, what: &str, seed: &str) {
    let Some(place) = Place::find() else { return };
    let arguments = ["--rate", "8k", "--seconds", "2.5", "--kills", "3", "--kill", what, "--seed", seed];
    let report = place.demo(example, arguments);
    report.assert_exact(3);
    assert_eq!(report.kills_of(what), 3, "{report:?}");
}

#[test]
fn the_standby() {
    kill("sequencer", "standby", "11");
}

#[test]
fn master_and_standby_at_once() {
    kill("nat", "both", "12");
}

#[test]
fn the_gateway() {
    kill("sequencer", "gateway", "13");
}

#[test]
fn gateway_master_and_standby_at_once() {
    kill("nat", "all", "14");
}

#[test]
fn one_after_the_other_whichever_it_is() {
    let Some(place) = Place::find() else { return };
    let all = "master,standby,both,gateway,all";
    let arguments = ["--rate", "5k", "--seconds", "4", "--kills", "8", "--kill", all, "--seed", "15"];
    place.demo("sequencer", arguments).assert_exact(8);
}
