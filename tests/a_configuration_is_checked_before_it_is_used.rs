//! `check-config` accepts what `up` can run, and says of everything else what is wrong and where; it starts and leaves nothing.

mod group;

use std::path::Path;
use std::process::Command;

use group::{Finished, Place, example};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn check(place: &Place, file: &Path, more: &[&str]) -> Finished {
    let mut command = Command::new(example("nat"));
    command.current_dir(ROOT).arg("check-config").arg("--config").arg(file);
    command.arg("--directory").arg(place.path().join("groups")).args(more);
    command.output().expect("runs").into()
}

fn written(place: &Place, text: &str) -> std::path::PathBuf {
    let path = place.path().join("nat.toml");
    std::fs::write(&path, text).expect("written");
    path
}

fn sample() -> String {
    std::fs::read_to_string(Path::new(ROOT).join("examples/nat/nat.toml")).expect("the sample is there")
}

/// The sample with every setting that it only mentions.
fn all_settings() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    sample().lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_is_accepted_and_summed_up() {
    let Some(place) = Place::find() else { return };
    let finished = check(&place, &Path::new(ROOT).join("examples/nat/nat.toml"), &[]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for word in
        ["nat.toml: everything that can be checked", "nat, 2 cores", "a standby follows", "port 0 ", "inside=pcap:"]
    {
        assert!(finished.text.contains(word), "{word}: {finished:?}");
    }
    assert!(!place.path().join("groups").exists(), "nothing is made");
    assert!(!Path::new(ROOT).join("to-outside.pcap").exists(), "nothing is written");
}

#[test]
fn what_the_sample_mentions_are_settings_too() {
    let Some(place) = Place::find() else { return };
    let all = all_settings();
    assert!(all.lines().filter(|line| line.contains(" = ")).count() > 20, "{all}");
    let finished = check(
        &place,
        &written(&place, &all),
        &["--metrics", "127.0.0.1:0", "--state-dir", "/dev/shm", "--journal", "/dev/shm"],
    );
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn what_is_wrong_is_said_with_its_place_what_is_expected_and_what_is_there() {
    let Some(place) = Place::find() else { return };
    let sample = sample();
    let cases = [
        (sample.replace("cores = 2", "cores = 99"), ":13:9: cores: expected 1 to 32, found 99"),
        (sample.replace("cores = 2", "speed = 2"), ":13:1: unknown field `speed`"),
        (sample.replace("198.51.100.1", "198.51.100"), "invalid IPv4 address syntax, found \"198.51.100\""),
        (sample.replace("198.51.100.1", "224.0.0.1"), "public is 224.0.0.1, expected an address of one host"),
        (sample.replace("#sweep_ticks = 300", "sweep_ticks = 0"), "sweep_ticks is 0, expected at least 1"),
        (
            sample
                .replace("#[journal]", "[journal]")
                .replace("#directory = \"/var/lib/nat/", "directory = \"/dev/null/"),
            "/dev/null: write into the directory",
        ),
        (sample.replace("#last_port = 65535", "last_port = 7"), "first_port is 1024, expected at most last_port, 7"),
        (sample.replace("[ports.outside]", "[ports.beside]"), "outside"),
        (sample.replace("tests/data/namespaces.pcap", "no.pcap"), "port `inside`: cannot open no.pcap"),
        (sample.replace("tests/data/namespaces.pcap", "README.md"), "README.md"),
        (
            sample.replace("kind = \"pcap\"\nout = \"to-outside.pcap\"", "kind = \"device\"\ninterface = \"none0\""),
            "port `outside`: ",
        ),
        (
            sample.replace("\"to-outside", "\"/nonexistent/to-outside"),
            "port `outside`: /nonexistent: expected a directory",
        ),
        (
            sample.replace("#in = 33554432", "in = 1000"),
            "log size `in`: expected a power of two of at least 1048576 bytes",
        ),
        (sample.replace("#in = 33554432", &format!("in = {}", 1_u64 << 50)), "no room for the logs of 2 cores"),
        (
            sample.replace("#metrics = \"127.0.0.1", "metrics = \"192.0.2.7"),
            "metrics: expected an address of this host",
        ),
        (sample.replace("#metrics = \"127.0.0.1:9464", "metrics = \"here"), "invalid socket address syntax"),
        (
            sample.replace("#state-dir = \"/var/lib/nat\"", "state-dir = \"/dev/null/x\""),
            "/dev/null: write into the directory",
        ),
    ];
    for (text, expected) in cases {
        let finished = check(&place, &written(&place, &text), &[]);
        assert_eq!(finished.code, Some(1), "{expected}: {finished:?}");
        assert!(finished.errors.contains(expected), "expected `{expected}` in: {finished:?}");
        assert!(finished.errors.lines().count() == 1 && finished.text.is_empty(), "{finished:?}");
    }
}

#[test]
fn a_middlebox_without_settings_is_said_to_have_its_defaults() {
    let Some(place) = Place::find() else { return };
    let said = |text: &str| {
        let finished = check(&place, &written(&place, text), &[]);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished.text.contains("middlebox   its defaults: there is no [middlebox]")
    };
    let sample = sample();
    assert!(!said(&sample));
    assert!(said(sample.split("[middlebox]").next().expect("there is one")));
}

#[test]
fn several_mistakes_are_named_together() {
    let Some(place) = Place::find() else { return };
    let text = sample().replace("tests/data/namespaces.pcap", "no.pcap").replace("#last_port = 65535", "last_port = 7");
    let finished = check(&place, &written(&place, &text), &[]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for word in ["for 2 reasons:", "expected at most last_port, 7", "port `inside`: cannot open no.pcap"] {
        assert!(finished.errors.contains(word), "{word}: {finished:?}");
    }
}
