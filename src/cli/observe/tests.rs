use super::*;
use ftmb_netio::group_record::{Birth, EpochRecord, Role, Takeover};
use ftmb_runtime::middlebox::Metrics;
use serde_json::json;

/// A group of two cores that exists only in its record, with figures that `directory` holds.
pub(in crate::cli) fn observer(directory: &std::path::Path) -> Observer {
    observer_of(directory, Birth::now(2, 0))
}

fn observer_of(directory: &std::path::Path, birth: Birth) -> Observer {
    let record = GroupRecord::anonymous(birth).expect("memory");
    let cores = vec![Default::default(); 2];
    record.begin_epoch(&EpochRecord { number: 1, cores, master: 0, ..EpochRecord::default() });
    record.set_active(1);
    record.commit(7);
    record.set_gateway(Identity::mine());
    for (slot, phase) in [(0, Phase::Master), (1, Phase::Standby)] {
        let token = record.member(slot).assign(Role::Standby);
        assert!(record.member(slot).claim(token, Identity::mine()));
        record.member(slot).set_phase(phase);
    }
    record.member(1).set_applied(6);
    record.add_core_stat(1, CoreStat::Stamped, 12_345);
    record.add_core_stat(1, CoreStat::StampedBytes, 1 << 20);
    record.add_stat(Stat::DroppedAtDoor, 5);
    record.set_stat(Stat::CheckpointGap, 50_000_000);
    record.note_delays(0, 2_000_000, &[1_000_000, 1_999_000]);
    let mut metrics = Metrics::default();
    metrics.counter("translated", 3);
    metrics.gauge("flows \"x\" \\ of all", 1.5);
    let dir = GroupDir::at(directory);
    figures::write(&dir, &metrics);
    record.add_port_stat(1, PortStat::Sent, 17);
    record.add_port_stat(1, PortStat::DroppedByKernel, 4);
    Observer { dir, record, logs: None, ports: vec!["inside".into(), "outside".into()] }
}

#[test]
fn a_group_whose_processes_were_killed_is_not_called_protected() {
    let directory = tempfile::tempdir().expect("a directory");
    let observer = observer(directory.path());
    assert!(observer.look().protected);
    let gone = Identity { start: Identity::mine().start.wrapping_sub(1), ..Identity::mine() };
    observer.record.set_gateway(gone);
    let now = observer.look();
    assert_eq!((now.state, &*now.protection, now.protected), ("abandoned", "abandoned", false));
    let text = text::text(&now, None);
    assert!(
        text.lines().nth(1).is_some_and(|line| line.starts_with("not protected: its processes were killed")),
        "{text}"
    );
}

#[test]
fn a_group_whose_gateway_does_not_get_on_is_not_called_protected() {
    let directory = tempfile::tempdir().expect("a directory");
    let birth = Birth::now(2, 0);
    // Ten seconds old.
    let observer =
        observer_of(directory.path(), Birth { clock_base: birth.clock_base.wrapping_sub(10_000_000_000), ..birth });
    observer.record.set_stat(Stat::Heartbeat, observer.record.now());
    assert_eq!(observer.look().state, "running");
    observer.record.set_stat(Stat::Heartbeat, 1_000_000_000);
    let now = observer.look();
    assert_eq!((now.state, &*now.protection, now.protected), ("hanging", "hanging", false));
    let text = text::text(&now, None);
    let line = "not protected: the gateway does not get on";
    assert!(text.lines().nth(1).is_some_and(|found| found.starts_with(line)), "{text}");
}

#[test]
fn the_tables_say_who_is_master_whether_it_is_protected_and_what_was_dropped() {
    let directory = tempfile::tempdir().expect("a directory");
    let observer = observer(directory.path());
    let text = text::text(&observer.look(), None);
    let head = format!("{}: running, 2 cores, epoch 1, up ", directory.path().display());
    assert!(text.starts_with(&head), "{text}");
    assert!(
        text.lines().nth(1).is_some_and(|line| line.starts_with("protected; a takeover now would start ")),
        "{text}"
    );
    assert!(text.contains(&format!("master   {}", std::process::id())), "{text}");
    for word in [
        "checkpoint 7, committed ",
        "50.0 ms after the one before",
        "no takeover yet",
        "\ndropped: input log full ",
        "1     12,345         0",
        "\nport     received  sent  dropped by kernel\n",
        "\noutside         0    17                  4\n",
        "held back until safe: p50 1.02 us, p99 1.05 ms",
        "translated",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("/s"), "there is nothing to compare with: {text}");
}

#[test]
fn with_an_earlier_look_rates_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let observer = observer(directory.path());
    let before = observer.look();
    observer.record.add_core_stat(1, CoreStat::Stamped, 1_000);
    let mut now = observer.look();
    now.up_ns = before.up_ns + 2_000_000_000;
    let text = text::text(&now, Some(&before));
    let row = text.lines().find(|line| line.starts_with("in ")).expect("a row");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[..6], ["in", "13,345", "1.00", "MiB", "500", "0"], "{text}");
    assert!(text.contains("packets/s") && text.contains("released/s"), "{text}");
}

#[test]
fn the_json_object_has_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let observer = observer(directory.path());
    let value = serde_json::to_value(observer.look()).expect("an object");
    assert_eq!((&value["state"], &value["committed"]), (&json!("running"), &json!(7)));
    assert_eq!((&value["protected"], &value["protection"]), (&json!(true), &json!("protected")));
    assert_eq!(value["cores"][1]["stamped"], json!(12_345));
    assert_eq!(value["members"][0]["doing"], json!("master"));
    assert_eq!((&value["standby"]["slot"], &value["standby"]["lag"]), (&json!(1), &json!(1)));
    assert_eq!(value["drops"], json!({ "input_log_full": 5, "oversized": 0, "refused_by_port": 0 }));
    assert_eq!((&value["ports"][1]["name"], &value["ports"][1]["sent"]), (&json!("outside"), &json!(17)));
    assert_eq!(value["ports"][1]["dropped_by_kernel"], json!(4));
    assert_eq!(value["middlebox"][0], json!({ "name": "translated", "kind": "counter", "value": 3.0 }));
}

#[test]
fn the_last_takeover_is_told_with_its_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let observer = observer(directory.path());
    observer.record.add_stat(Stat::Takeovers, 1);
    let takeover = Takeover { epoch: 1, detected: 1_000, begun: 2_000, active: 4_001_000, first_output: 5_001_000 };
    observer.record.note_takeover(&takeover);
    let text = text::text(&observer.look(), None);
    assert!(
        text.contains("1 takeover, the last one ") && text.contains("took 4.00 ms, first new output after 5.00 ms"),
        "{text}"
    );
}
