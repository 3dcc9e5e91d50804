//! A middlebox that depends on what no log knows (here: the number of its process) cannot be replayed. After the kill of its
//! master the group ends, says what differs, and nothing leaves that contradicts what had left before.
//!
//! This test is a program with such a middlebox and runs itself: it has no harness.

mod group;

use std::io::Write;
use std::sync::Mutex;

use ftmb::prelude::*;
use group::{Finished, Place, THIS};

/// More than any two processes of a test are apart.
const SHARDS: u32 = 4093;

/// Where the scenario notes what has come out.
const NOTES: &str = "FTMB_TEST_NOTES";

#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Which lock is taken depends on the process; otherwise what is written into packets does.
    locks: bool,
}

#[ftmb::shared]
struct Leaky {
    #[ftmb(config)]
    locks: bool,
    shards: Vec<Mutex<u64>>,
}

#[ftmb::middlebox]
impl Leaky {
    fn new(locks: bool) -> Self {
        Self { locks, shards: (0..SHARDS).map(|_| Mutex::new(0)).collect() }
    }
}

/// Outside of the annotated blocks, where the macros cannot refuse it.
fn number_of_this_process() -> u32 {
    std::process::id()
}

#[ftmb::middlebox]
impl Middlebox for Leaky {
    fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        let process = number_of_this_process();
        let shard = if self.locks { process % SHARDS } else { 0 };
        *self.shards[shard as usize].lock().unwrap() += 1;
        let written = if self.locks { 0 } else { process };
        packet.bytes_mut()[..4].copy_from_slice(&written.to_be_bytes());
        Verdict::Forward(PortId(0))
    }
}

/// Sends numbered frames and notes of each that comes out its number and what was written into it.
#[derive(Default)]
struct Noting {
    sent: u32,
    notes: Option<std::fs::File>,
}

impl Scenario for Noting {
    fn ports(&self) -> Vec<String> {
        vec!["port".into()]
    }

    fn next(&mut self, _rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        self.sent += 1;
        let mut frame = vec![0; 60];
        frame[56..].copy_from_slice(&self.sent.to_be_bytes());
        Some((PortId(0), frame))
    }

    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
        let path = || std::env::var_os(NOTES).expect("set by the test");
        let notes = self.notes.get_or_insert_with(|| std::fs::File::create(path()).expect("can be written"));
        let written = u32::from_be_bytes(released.bytes()[..4].try_into().expect("4 bytes"));
        writeln!(notes, "{} {written}", sent.number()).expect("written");
        Ok(())
    }

    fn finish(&mut self) -> Missing {
        Missing { packets: 0, examples: Vec::new() }
    }
}

/// Runs the group until its end; returns that and what had come out: number of the input, number written.
fn run(settings: &str) -> Option<(Finished, Vec<(u64, u32)>)> {
    let place = Place::find()?;
    let (config, notes) = (place.path().join("config.toml"), place.path().join("notes"));
    std::fs::write(&config, settings).expect("can be written");
    let mut demo = place.command(THIS, "demo");
    demo.args(["--rate", "5k", "--seconds", "2", "--kills", "1", "--cores", "2", "--seed", "51", "--json"]);
    // Everything since the start is replayed.
    demo.args(["--checkpoint-interval", "60000"]).arg("--config").arg(config).env(NOTES, &notes);
    let finished = demo.output().expect("this program runs").into();
    let notes = std::fs::read_to_string(notes).expect("something came out");
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok()).expect("a number");
    let notes = notes.lines().map(|line| {
        let mut words = line.split(' ');
        (number(words.next()), number(words.next()) as u32)
    });
    assert!(!place.group().exists(), "its directory is left");
    Some((finished, notes.collect()))
}

fn assert_reported(finished: &Finished, words: &[&str]) {
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let said = "replay did not reproduce what was logged or released: the middlebox is not deterministic";
    for word in words.iter().chain([&said]) {
        assert!(finished.errors.contains(word), "expected `{word}` in: {finished:?}");
    }
}

fn other_bytes_are_reported_and_do_not_leave() {
    let Some((finished, released)) = run("") else { return };
    assert_reported(&finished, &["was made again differently", "expected hash", "found"]);
    assert!(released.len() > 10, "{released:?}");
    let (_, first) = released[0];
    assert!(released.iter().all(|(_, written)| *written == first), "two masters' outputs have left: {released:?}");
    assert_once(&released);
}

fn another_lock_is_reported() {
    let Some((finished, released)) = run("[middlebox]\nlocks = true\n") else { return };
    assert_reported(&finished, &["expected", "found", "shards["]);
    assert_once(&released);
}

fn assert_once(released: &[(u64, u32)]) {
    let mut numbers: Vec<_> = released.iter().map(|(number, _)| number).collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "something came out twice");
}

fn main() -> ftmb::Result<()> {
    let first = std::env::args().nth(1);
    if matches!(first.as_deref(), Some("demo" | "__ftmb")) {
        let app = App::new("leaky", |settings: Settings, _: &Ports| Ok(Leaky::new(settings.locks)));
        return app.scenario(Noting::default()).run();
    }
    let tests: [(&str, fn()); 2] = [
        ("other_bytes_are_reported_and_do_not_leave", other_bytes_are_reported_and_do_not_leave),
        ("another_lock_is_reported", another_lock_is_reported),
    ];
    if std::env::args().any(|argument| argument == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return Ok(());
    }
    let asked = first.filter(|first| !first.starts_with('-')).unwrap_or_default();
    let chosen = tests.iter().filter(|(name, _)| name.contains(&asked));
    let passed = chosen.map(|(name, test)| {
        test();
        println!("test {name} ... ok");
    });
    println!("\ntest result: ok. {} passed; 0 failed", passed.count());
    Ok(())
}
