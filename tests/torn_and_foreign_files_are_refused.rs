//! Files that are damaged, cut short or not of this group: whoever reads them says which file, where, what was expected and what
//! was found, and exits with an error; nothing panics and nothing damaged is taken for whole.

mod group;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use group::{Finished, Place, Running, example, kill, master};

fn dump(file: &Path) -> Finished {
    let finished: Finished =
        Command::new(example("sequencer")).args(["log", "dump"]).arg(file).output().expect("runs").into();
    assert!(!finished.errors.contains("panicked"), "{finished:?}");
    finished
}

/// Refused with exit code 1, by a message that names the file and all of this.
fn assert_refused(file: &Path, words: &[&str]) -> Finished {
    let finished = dump(file);
    assert_eq!(finished.code, Some(1), "{}: {finished:?}", file.display());
    let path = file.display().to_string();
    for word in std::iter::once(&path.as_str()).chain(words) {
        assert!(finished.errors.contains(word), "expected `{word}` in: {finished:?}");
    }
    finished
}

fn overwrite(file: &Path, position: u64, bytes: &[u8]) {
    let mut open = File::options().write(true).open(file).expect("there");
    open.seek(SeekFrom::Start(position)).expect("long enough");
    open.write_all(bytes).expect("written");
}

fn word(file: &Path, position: u64) -> u64 {
    let mut open = File::open(file).expect("there");
    open.seek(SeekFrom::Start(position)).expect("long enough");
    let mut bytes = [0; 8];
    open.read_exact(&mut bytes).expect("long enough");
    u64::from_le_bytes(bytes)
}

/// Bytes before a log's ring.
const HEADER: u64 = 4096;

fn start(place: &Place, arguments: &[&str]) -> Running {
    let usual = ["--rate", "2k", "--seconds", "600", "--kills", "0", "--cores", "2", "--json"];
    place.start("sequencer", "demo", usual.into_iter().chain(arguments.iter().copied()))
}

/// Copies of the files of a group that runs, with inputs that no checkpoint has covered yet.
fn copies(place: &Place) -> PathBuf {
    let mut running = start(place, &["--checkpoint-interval", "60000"]);
    running.record();
    std::thread::sleep(Duration::from_millis(300));
    let to = place.path().join("copies");
    fs::create_dir(&to).expect("new");
    for name in ["in.0", "det.0.0", "out.0.0", "ckpt", "port.in", "group"] {
        fs::copy(place.group().join(name), to.join(name)).expect("there");
    }
    to
}

#[test]
fn log_dump_refuses_what_is_damaged() {
    let Some(place) = Place::find() else { return };
    let copies = copies(&place);
    let whole = dump(&copies.join("in.0"));
    assert_eq!(whole.code, Some(0), "{whole:?}");
    let packets: Vec<&str> = whole.text.lines().skip(1).collect();
    assert!(packets.len() > 4, "{whole:?}");
    let position: u64 = packets[3].split_whitespace().next().and_then(|at| at.parse().ok()).expect("a position");

    // Torn: what is before the tear is printed.
    let torn = copies.join("torn");
    fs::copy(copies.join("in.0"), &torn).expect("copied");
    overwrite(&torn, HEADER + position, &[0xff; 8]);
    let finished = assert_refused(&torn, &[&format!("torn at position {position}"), "expected", "found"]);
    assert_eq!(finished.text.lines().skip(1).collect::<Vec<_>>(), packets[..3]);

    // Of another version or kind, foreign, cut short, empty.
    let other = copies.join("other");
    for (name, at) in [("in.0", 8), ("det.0.0", 12), ("out.0.0", 0), ("ckpt", 0), ("port.in", 8), ("group", 0)] {
        fs::copy(copies.join(name), &other).expect("copied");
        overwrite(&other, at, &[0x7f; 4]);
        assert_refused(&other, &["expected", "found"]);
    }
    for (name, length) in
        [("in.0", 20_000), ("det.0.0", 100), ("out.0.0", 4096), ("ckpt", 5), ("group", 64), ("port.in", 0)]
    {
        fs::copy(copies.join(name), &other).expect("copied");
        File::options().write(true).open(&other).expect("there").set_len(length).expect("cut");
        assert_refused(&other, &["expected", &format!("found {length}")]);
    }
    fs::write(&other, "this is a text, and no log of anything".repeat(200)).expect("written");
    assert_refused(&other, &["expected a log or a group record", "found magic"]);
    fs::remove_file(&other).expect("there");
    assert_refused(&other, &["open failed"]);
}

/// Kills the master of a group whose files were damaged, and waits for the end of the group.
fn ends(place: &Place, arguments: &[&str], damage: impl FnOnce(&Path)) -> Finished {
    let mut running = start(place, arguments);
    let record = running.record();
    std::thread::sleep(Duration::from_millis(300));
    let member = master(&record).expect("a master");
    damage(&place.group());
    assert!(kill(member), "the master is there");
    let finished = running.wait();
    assert!(matches!(finished.code, Some(code) if code != 0), "{finished:?}");
    assert!(!finished.errors.contains("panicked"), "{finished:?}");
    assert!(!place.group().exists(), "its directory is left");
    finished
}

#[test]
fn a_group_does_not_recover_from_a_torn_input_log() {
    let Some(place) = Place::find() else { return };
    let torn = place.group().join("in.0");
    let finished = ends(&place, &["--checkpoint-interval", "60000"], |group| {
        // The first input after the checkpoint: replay begins there.
        let file = group.join("in.0");
        assert_ne!(word(&file, HEADER), 0, "there is a frame");
        overwrite(&file, HEADER, &[0xff; 8]);
    });
    let path = torn.display().to_string();
    for word in [path.as_str(), "torn at position 0", "expected", "found"] {
        assert!(finished.errors.contains(word), "expected `{word}` in: {finished:?}");
    }
}

#[test]
fn a_group_does_not_recover_from_a_damaged_image() {
    let Some(place) = Place::find() else { return };
    let image = place.group().join("image");
    let arguments = ["--standby", "none", "--checkpoint-interval", "60000"];
    let finished = ends(&place, &arguments, |group| overwrite(&group.join("image"), 0, &[0x7f; 4096]));
    let path = image.display().to_string();
    for word in [path.as_str(), "expected", "found"] {
        assert!(finished.errors.contains(word), "expected `{word}` in: {finished:?}");
    }
}
