//! Random small programs over tracked state (plain fields, locks, nesting, helpers, closures, macros) answer annotated, with crashes,
//! what they answer over std's types.
//!
//! `FTMB_PROGRAMS` is how many programs, `FTMB_PROGRAMS_SEED` the number of the first. They are compiled in crates of some dozen
//! programs below the target directory, offline; a crate that fails stays there to be looked at.

#[path = "random_programs/generator.rs"]
mod generator;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use generator::Program;

/// Programs in one crate.
const BATCH: u64 = 50;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable)
        .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}: a number")))
}

#[test]
fn annotated_programs_with_crashes_answer_what_plain_ones_do() {
    let (first, count) = (number("FTMB_PROGRAMS_SEED", 0), number("FTMB_PROGRAMS", 16));
    for start in (first..first + count).step_by(BATCH as usize) {
        run(start, (first + count).min(start + BATCH));
    }
}

/// Compiles and runs the programs of these seeds.
fn run(start: u64, end: u64) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("below the target directory");
    let place = crate_of(root, start, end);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--offline", "--quiet", "--manifest-path"]).arg(place.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target).env("RUST_BACKTRACE", "0");
    let [out, err] = ["stdout", "stderr"].map(|name| place.join(name));
    let file = |path: &Path| std::fs::File::create(path).expect("a file below the target directory");
    let mut child = cargo.stdout(file(&out)).stderr(file(&err)).spawn().expect("cargo runs");
    // Two cores that wait for each other would wait for ever.
    let given_up = Instant::now() + Duration::from_secs(300 + 10 * (end - start));
    let status = loop {
        match child.try_wait().expect("a child of this process") {
            Some(status) => break Some(status),
            None if Instant::now() > given_up => {
                child.kill().and_then(|()| child.wait()).expect("a child of this process");
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let [said, errors] = [out, err].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let last = said.lines().last().unwrap_or("(no program has run)");
    let status = status.unwrap_or_else(|| panic!("hangs behind {last}, in {}:\n{errors}", place.display()));
    assert!(status.success(), "{last}, in {}:\n{errors}", place.display());
    assert_eq!(said.lines().count() as u64, end - start, "{said}\n{errors}");
}

/// Writes the crate.
fn crate_of(root: &Path, start: u64, end: u64) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("random_programs");
    let sources = place.join("src");
    std::fs::create_dir_all(&sources).expect("a directory below the target directory");
    let write = |path: PathBuf, text: &str| std::fs::write(path, text).expect("a file below the target directory");
    let manifest = format!(
        "[package]\nname = \"ftmb-random-programs\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nftmb = {{ path = {root:?} }}\n\n[workspace]\n\n\
         [profile.dev.package.ftmb-random-programs]\ndebug = false\n"
    );
    write(place.join("Cargo.toml"), &manifest);
    std::fs::copy(root.join("Cargo.lock"), place.join("Cargo.lock")).expect("the workspace has a lock file");
    write(sources.join("harness.rs"), include_str!("random_programs/harness.rs"));
    let mut main = String::from("#![allow(warnings, dangerous_implicit_autorefs)]\nmod harness;\n");
    for seed in start..end {
        write(sources.join(format!("p{seed}.rs")), &Program::of(seed).module(seed));
        main += &format!("mod p{seed};\n");
    }
    let calls: String = (start..end).map(|seed| format!("    p{seed}::check();\n")).collect();
    write(sources.join("main.rs"), &format!("{main}fn main() {{\n{calls}}}\n"));
    place
}
