use super::*;
use crate::group_record::Birth;

#[test]
fn two_cores_fit_into_a_containers_64_mib() {
    let sizes = LogSizes::fitting(64 << 20, 2, true).expect("fits");
    sizes.check().expect("works");
    assert!(sizes.input >= 4 << 20, "{sizes:?}");
    assert!(sizes.total(2, true) <= (64 << 20) / 4 * 3, "{sizes:?}");
}

#[test]
fn sizes_grow_with_the_space_and_shrink_with_the_cores() {
    let mut last = 0;
    for free in [32 << 20, 64 << 20, 256 << 20, 4_u64 << 30] {
        let total = LogSizes::fitting(free, 2, true).expect("fits").total(2, true);
        assert!(total >= last && total <= free / 4 * 3, "{free}: {total}");
        last = total;
    }
    for cores in 1..=5 {
        LogSizes::fitting(64 << 20, cores, true).unwrap_or_else(|| panic!("{cores} cores")).check().expect("works");
    }
    assert_eq!(LogSizes::fitting(64 << 20, 32, true), None);
    assert_eq!(LogSizes::fitting(8 << 20, 2, true), None);
}

#[test]
fn sizes_that_cannot_hold_one_input_are_refused() {
    let sizes = LogSizes { out: 1 << 20, ..LogSizes::smallest() };
    assert!(matches!(sizes.check(), Err(Error::LogSize { what: "out", expected: MIN_OUT, .. })));
    let sizes = LogSizes { det: 3 << 20, ..LogSizes::smallest() };
    assert!(matches!(sizes.check(), Err(Error::LogSize { what: "det", .. })));
}

#[test]
fn a_running_group_keeps_its_directory_and_a_dead_one_does_not() {
    let root = tempfile::tempdir().expect("tempdir");
    let root = root.path().join("ftmb");
    let dir = GroupDir::create(&root, "x").expect("created");
    let record = GroupRecord::create(&dir.record_path(), 1, Birth::now(1, 0)).expect("record");
    record.set_gateway(Identity::mine());
    assert!(matches!(GroupDir::create(&root, "x"), Err(Error::InUse { pid, .. }) if pid == std::process::id()));
    record.set_gateway(Identity { pid: std::process::id(), start: Identity::mine().start.wrapping_sub(1) });
    GroupDir::create(&root, "x").expect("whoever had this pid is gone");
    assert!(!dir.record_path().exists());
}

#[test]
fn a_directory_that_others_may_enter_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().expect("tempdir");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    assert!(matches!(GroupDir::create(root.path(), "x"), Err(Error::NotPrivate { mode: 0o755, .. })));
}

#[test]
fn a_missing_log_is_an_error_and_not_made_up() {
    let root = tempfile::tempdir().expect("tempdir");
    let dir = GroupDir::create(&root.path().join("ftmb"), "x").expect("created");
    dir.create_logs(1, LogSizes::smallest(), 5, true).expect("created");
    assert!(dir.open_logs(1, 5).expect("opened").ports.is_some());
    fs::remove_file(dir.out_log(0, 1)).expect("removed");
    assert!(matches!(dir.open_logs(1, 5), Err(Error::Log(_))));
    assert!(matches!(dir.open_logs(1, 6), Err(Error::Log(ftmb_runtime::log::LogError::Mismatch { .. }))));
}

#[test]
fn only_one_starts_a_group_at_a_time_and_a_root_that_was_removed_is_not_locked() {
    let root = tempfile::tempdir().expect("tempdir");
    let root = root.path().join("ftmb");
    let held = GroupDir::lock(&root).expect("free");
    let waiting = std::thread::spawn({
        let root = root.clone();
        move || GroupDir::lock(&root).map(|_| root.exists())
    });
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert!(!waiting.is_finished(), "it is held");
    // Whoever waits has the old one open.
    fs::remove_dir(&root).expect("empty");
    drop(held);
    assert!(waiting.join().expect("no panic").expect("locked"), "another one was made, and that one is locked");
}

#[test]
fn a_root_that_somebody_chose_is_kept() {
    let root = tempfile::tempdir().expect("tempdir");
    GroupDir::remove_empty_root(root.path()).expect("nothing to do");
    assert!(root.path().exists());
}
