//! A process that records and is killed, really.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

const FILE: &str = "FTMB_TEST_KILLED_FILE";
const ENGINE: &str = "FTMB_TEST_KILLED_ENGINE";

/// Not a test by itself: the process that is killed. Records bursts of numbered frames and says how many it flushed.
#[test]
#[ignore = "run by the test below, as the process that is killed"]
fn victim() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let engine = std::env::var(ENGINE).unwrap().parse().unwrap();
    let mut port = PcapPort::open(ID, &PcapSpec::writing(path), &options(engine)).unwrap();
    let mut out = std::io::stdout().lock();
    for ordinal in 1u64.. {
        let mut frame = vec![0; 40 + (ordinal * 7919 % 1400) as usize];
        frame[..8].copy_from_slice(&ordinal.to_le_bytes());
        while !port.send(&sent(ordinal, &frame)).unwrap() {
            std::thread::yield_now();
        }
        // Short bursts, and now and then one of several buffers.
        if ordinal % 2048 == 0 || (ordinal / 2048 % 2 == 0 && ordinal % 32 == 0) {
            port.flush().unwrap();
            writeln!(out, "\nflushed {ordinal}").unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
fn a_killed_process_leaves_all_that_it_flushed_and_a_prefix_of_the_rest() {
    for engine in engines() {
        for round in 0..4 {
            let file = tempfile::NamedTempFile::new().unwrap();
            let name = if engine == EngineChoice::Plain { "plain" } else { "uring" };
            let victim = module_path!().split_once("::").unwrap().1.to_owned() + "::victim";
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &victim, "--ignored", "--nocapture", "--test-threads=1"])
                .env(FILE, file.path())
                .env(ENGINE, name)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut flushed = || lines.find_map(|line| line.ok()?.strip_prefix("flushed ")?.parse::<u64>().ok());
            assert!(flushed().is_some());
            std::thread::sleep(Duration::from_millis(3 + 11 * round));
            child.kill().unwrap();
            child.wait().unwrap();
            let mut last = 0;
            while let Some(number) = flushed() {
                last = number;
            }
            drop(PcapPort::open(ID, &PcapSpec::writing(file.path()), &continuing(engine)).unwrap());
            let frames = read_file(file.path(), engine).unwrap();
            assert!(frames.len() as u64 >= last, "{} of {last} frames", frames.len());
            for (number, bytes) in &frames {
                assert_eq!(bytes[..8], number.to_le_bytes());
                assert_eq!(bytes.len() as u64, 40 + number * 7919 % 1400);
            }
        }
    }
}
