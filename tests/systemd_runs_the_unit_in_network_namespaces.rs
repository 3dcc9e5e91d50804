//! The unit in `contrib/` under systemd itself, which is booted for this in namespaces of its own (`tests/systemd/`): with the user,
//! the capabilities, the directories and the filters that the unit asks for.
//!
//! Marked as ignored because it needs root:
//! `cargo test --test systemd_runs_the_unit_in_network_namespaces -- --ignored`.

mod group;

use std::path::Path;
use std::process::Command;

const EXPECTED: &str = "\
start: 0: active, protected; epoch 1, 0 takeovers, 0 restarts
master killed: active, protected; epoch 2, 1 takeover, 0 restarts
gateway killed: active, protected; epoch 2, 1 takeover, 0 restarts
all but the parent killed: active, protected; epoch 3, 2 takeovers, 0 restarts
gateway hangs: active, protected; epoch 1, 0 takeovers, 1 restarts
parent killed: active, protected; epoch 1, 0 takeovers, 2 restarts
stop: 0: inactive, success
left: 
wrong configuration: 1: exit-code
";

#[test]
#[ignore = "needs root: network namespaces"]
fn the_unit_is_started_watched_and_restarted_by_systemd() {
    let systemd = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
    if !rustix::process::geteuid().is_root() || !systemd.iter().any(|path| Path::new(path).exists()) {
        return println!("skipped: systemd is not here, or this is not root");
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = tempfile::tempdir().expect("a directory");
    for place in ["machine", "out"] {
        std::fs::create_dir(directory.path().join(place)).expect("a new directory");
    }
    let mut machine = Command::new("timeout");
    machine.args(["--signal=KILL", "500", "unshare", "--mount", "--pid", "--net", "--cgroup", "--uts", "--ipc"]);
    machine.args(["--fork", "--kill-child"]).arg(here.join("tests/systemd/boot.sh"));
    machine.arg(group::example("nat")).arg(here.join("contrib/ftmb-nat.service")).arg(directory.path());
    let ended = machine.output().expect("coreutils and util-linux are there");
    let out = |name| std::fs::read_to_string(directory.path().join("out").join(name)).unwrap_or_default();
    if out("boot").is_empty() {
        return println!("skipped: no machine can be made here: {}", String::from_utf8_lossy(&ended.stderr));
    }
    assert_eq!(out("checks"), EXPECTED, "{}\n{}", ended.status, out("boot"));
}
