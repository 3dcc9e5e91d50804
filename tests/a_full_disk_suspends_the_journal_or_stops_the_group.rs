//! The journal's disk is full. The group goes on without it and says so, or it stops with an error, as it was told; no signal ends
//! anything. Needs root, to have a disk that is small.

#[allow(dead_code, reason = "others use all of it")]
mod capture;
mod group;
#[allow(dead_code, reason = "others use all of it")]
mod journal;

use std::path::{Path, PathBuf};
use std::process::Command;

use ftmb_netio::group_record::Stat;
use group::Place;
use journal::{Frames, World};

const PACKETS: u64 = 6_000;

/// A file system of a few MiB, unmounted in the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, and says why, where one cannot be mounted.
    fn mount(path: &Path) -> Option<SmallDisk> {
        std::fs::create_dir_all(path).expect("created");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "none"]).arg(path).output();
        match mounted {
            Ok(output) if output.status.success() => Some(SmallDisk(path.into())),
            other => {
                eprintln!("skipped: a small file system cannot be mounted here: {other:?}");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
fn the_group_goes_on_without_its_journal_and_says_so() {
    let Some(place) = Place::find() else { return };
    let world = World::new(&place, "sync", "2", 3_000);
    let Some(_disk) = SmallDisk::mount(&world.journal) else { return };
    Frames::write(&world.input, PACKETS);
    let mut running = world.start();
    let record = running.record();
    running.until("the journal to be suspended", |_| record.stat(Stat::JournalSuspensions) > 0);
    let finished = running.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.errors.contains("THE JOURNAL IS SUSPENDED"), "{finished:?}");
    assert_eq!(capture::read(&world.output).len() as u64, PACKETS);
}

#[test]
fn a_group_that_is_told_to_stops() {
    let Some(place) = Place::find() else { return };
    let mut world = World::new(&place, "sync", "2", 3_000);
    world.more = vec!["--when-full".into(), "stop".into()];
    let Some(_disk) = SmallDisk::mount(&world.journal) else { return };
    Frames::write(&world.input, PACKETS);
    let finished = world.start().wait();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("its journal cannot be written"), "{finished:?}");
    assert!(finished.errors.contains("No space left on device"), "{finished:?}");
}
