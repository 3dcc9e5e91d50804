//! Logs as small as they can be, more packets than the machine can process, and kills: the ports of `demo` push back, so every
//! packet that was taken comes out.

mod group;

use group::Place;

const SMALLEST: &str = "[logs]\nin = 1048576\ndet = 1048576\nout = 2097152\nckpt = 524288\nport = 524288\n";

fn run(example: &str, arguments: &[&str], kills: u64) {
    let Some(place) = Place::find() else { return };
    let config = place.path().join("small.toml");
    std::fs::write(&config, SMALLEST).expect("can be written");
    let config = ["--config", config.to_str().expect("plain")];
    let report = place.demo(example, config.into_iter().chain(arguments.iter().copied()));
    report.assert_exact(kills);
    // Headers and the shortest frame: more than the port's log and one core's can hold at once.
    let bytes = 116 * report.count("packets_in");
    assert!(bytes > 524_288 + 1_048_576, "{report:?}");
}

#[test]
fn while_nothing_else_happens() {
    run("nat", &["--rate", "1M", "--seconds", "2", "--kills", "0", "--cores", "2", "--seed", "31"], 0);
}

#[test]
fn while_the_master_is_killed() {
    run("sequencer", &["--rate", "1M", "--seconds", "3", "--kills", "3", "--cores", "2", "--seed", "32"], 3);
}

#[test]
fn while_checkpoints_come_only_because_logs_fill_up() {
    let rare = ["--checkpoint-interval", "60000"];
    let arguments = ["--rate", "1M", "--seconds", "3", "--kills", "2", "--cores", "2", "--seed", "33"];
    run("sequencer", &[&rare[..], &arguments].concat(), 2);
}
