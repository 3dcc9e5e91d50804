//! What a group whose parent was killed has left behind. Invariant: a group whose parent lives is left alone; of any other,
//! processes, files and state are gone before a new one of the same name begins.

use std::path::Path;
use std::time::{Duration, Instant};

use ftmb_netio::group_dir::GroupDir;
use ftmb_netio::group_record::{GroupRecord, Identity};

use super::state;
use crate::cli::process;
use crate::config::Config;
use crate::{Error, Result};

/// Processes without a parent end by themselves within this time; then they are killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long killed processes may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes room for a group of this name. Nobody else may be starting one below `root`.
///
/// # Errors
/// [`ftmb_netio::Error::InUse`] if there is one that lives; a record of another version of this program, of which nobody can tell.
pub(super) fn clear(root: &Path, name: &str) -> Result<()> {
    let dir = GroupDir::at(root.join(name));
    if !dir.path().exists() {
        return Ok(());
    }
    let mut ended = 0;
    // Without a record, its start was broken off before there was another process. One of another version is refused: only a
    // program of that version could tell whether its group lives.
    if dir.record_path().exists() {
        let record = GroupRecord::open_any(&dir.record_path())?;
        refuse(&dir, &record)?;
        ended = end(&dir, &record)?;
        // Whatever it was configured to keep elsewhere.
        if let Ok(config) = Config::stored(&dir) {
            state::clean(&config)?;
        }
    }
    dir.remove()?;
    let path = dir.path().display();
    tracing::warn!(%path, processes_ended = ended, "a stale group of this name is removed: its parent process was gone");
    Ok(())
}

/// Refuses if a group of this name runs.
///
/// # Errors
/// As [`clear`]; what has no record, or one that cannot be read, does not run.
pub(super) fn refuse_running(root: &Path, name: &str) -> Result<()> {
    let dir = GroupDir::at(root.join(name));
    GroupRecord::open_any(&dir.record_path()).map_or(Ok(()), |record| refuse(&dir, &record))
}

fn refuse(dir: &GroupDir, record: &GroupRecord) -> Result<()> {
    match record.parent().filter(|parent| process::is_alive(*parent)) {
        Some(parent) => Err(ftmb_netio::Error::InUse { path: dir.path().into(), pid: parent.pid }.into()),
        None => Ok(()),
    }
}

/// Waits for the processes of a group without a parent, and kills those that stay; returns how many there were.
fn end(dir: &GroupDir, record: &GroupRecord) -> Result<usize> {
    let left = || -> Vec<Identity> {
        let gateway = record.gateway().filter(|gateway| process::is_alive(*gateway));
        // The gateway first: it would start what is killed again.
        gateway.into_iter().chain(process::members(record)).collect()
    };
    let (found, since) = (left().len(), Instant::now());
    loop {
        let all = left();
        let Some(first) = all.first() else { return Ok(found) };
        if since.elapsed() > PATIENCE {
            return Err(Error::from(ftmb_netio::Error::InUse { path: dir.path().into(), pid: first.pid }));
        }
        if since.elapsed() > GRACE {
            for identity in all {
                process::kill(identity)?;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftmb_netio::group_record::{Birth, Role};

    fn group(root: &Path) -> (GroupDir, GroupRecord) {
        let dir = GroupDir::create(root, "x").expect("created");
        let record = GroupRecord::create(&dir.record_path(), 1, Birth::now(1, 0)).expect("record");
        (dir, record)
    }

    fn earlier(process: Identity) -> Identity {
        Identity { start: process.start.wrapping_sub(1), ..process }
    }

    #[test]
    fn a_group_whose_parent_lives_is_refused_and_untouched() {
        let root = tempfile::tempdir().expect("a directory");
        let root = root.path().join("groups");
        let (dir, record) = group(&root);
        record.set_parent(Identity::mine());
        let refused = clear(&root, "x").expect_err("it lives").to_string();
        assert!(refused.contains(&format!("is running (process {})", std::process::id())), "{refused}");
        assert!(dir.record_path().exists());
        // The same words for those who have something else to do first.
        assert_eq!(refuse_running(&root, "x").expect_err("it lives").to_string(), refused);
        refuse_running(&root, "y").expect("there is none");
        record.set_parent(earlier(Identity::mine()));
        refuse_running(&root, "x").expect("nobody runs it");
    }

    #[test]
    fn processes_without_a_parent_are_ended_and_nothing_is_left() {
        let root = tempfile::tempdir().expect("a directory");
        let root = root.path().join("groups");
        let (dir, record) = group(&root);
        record.set_parent(earlier(Identity::mine()));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("there is a sleep");
        let token = record.member(0).assign(Role::Standby);
        assert!(record.member(0).claim(token, Identity::of(child.id()).expect("alive")));
        clear(&root, "x").expect("cleared");
        assert!(!child.wait().expect("reaped").success(), "killed");
        assert!(!dir.path().exists());
        clear(&root, "x").expect("there is nothing to do");
    }

    #[test]
    fn what_it_kept_elsewhere_is_removed_and_nothing_beside_it() {
        let root = tempfile::tempdir().expect("a directory");
        let state = root.path().join("state");
        std::fs::create_dir_all(state.join("stage")).expect("made");
        for name in ["image", "image.lock", "stage/3.7", "letter"] {
            std::fs::write(state.join(name), "").expect("written");
        }
        let (dir, record) = group(&root.path().join("groups"));
        record.set_parent(earlier(Identity::mine()));
        let text = format!("[group]\nstate-dir = {:?}\n", state.display().to_string());
        dir.write_config(text.as_bytes()).expect("written");
        clear(&root.path().join("groups"), "x").expect("cleared");
        let left: Vec<_> =
            std::fs::read_dir(&state).expect("there").map(|entry| entry.expect("read").file_name()).collect();
        assert_eq!(left, ["letter"]);
    }

    #[test]
    fn a_start_that_was_broken_off_is_cleared_and_a_record_of_another_version_is_not() {
        let root = tempfile::tempdir().expect("a directory");
        let root = root.path().join("groups");
        let dir = GroupDir::create(&root, "x").expect("created");
        clear(&root, "x").expect("cleared");
        assert!(!dir.path().exists());

        let dir = GroupDir::create(&root, "x").expect("created");
        ftmb_runtime::log::Words::create(&dir.record_path(), 8, 1).expect("another size");
        let refused = clear(&root, "x").expect_err("who knows").to_string();
        assert!(refused.contains("group: truncated: expected"), "{refused}");
        assert!(dir.record_path().exists());
    }
}
