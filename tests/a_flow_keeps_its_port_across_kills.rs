//! A NAT is killed while flows come and go. Its scenario holds every packet against what it knows of the flow: the same public
//! port from the first packet to the last, nobody else's, and replies that find their host.

mod group;

use group::Place;

fn run(arguments: &[&str], kills: u64) {
    let Some(place) = Place::find() else { return };
    place.demo("nat", arguments.iter().copied()).assert_exact(kills);
}

#[test]
fn on_one_core() {
    run(&["--rate", "10k", "--seconds", "2.5", "--kills", "3", "--cores", "1", "--seed", "5"], 3);
}

#[test]
fn on_two_cores() {
    run(&["--rate", "10k", "--seconds", "3", "--kills", "4", "--cores", "2", "--seed", "6"], 4);
}

#[test]
fn with_checkpoints_so_rare_that_much_is_replayed() {
    let arguments = ["--rate", "10k", "--seconds", "3", "--kills", "3", "--checkpoint-interval", "800", "--seed", "7"];
    run(&arguments, 3);
}
