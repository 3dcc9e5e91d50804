//! Every command of `GUIDE.md`, in its order, in one shell: on a machine of its own, as far as processes, interfaces, shared memory and
//! named network namespaces go.

mod network;

use std::process::{Command, Stdio};

use network::possible;

/// Around the guide's commands; the shell is process 1 of its namespace, and all others end with it.
const MACHINE: &str = "mount -t tmpfs none /run
mount -t tmpfs -o mode=1777 none /dev/shm
ip link set lo up
exec bash -euo pipefail";

/// The commands of the guide.
fn commands() -> String {
    let guide = include_str!("../GUIDE.md");
    let blocks: Vec<&str> = guide.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    assert!(blocks.len() >= 10, "the guide has {} blocks of commands", blocks.len());
    blocks.concat()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn every_command_of_the_guide_does_what_it_says() {
    if !possible(&["bash", "ping", "iperf3", "curl", "tcpdump", "ss", "setpriv"]) {
        return;
    }
    let place = tempfile::tempdir().expect("a directory");
    let script = place.path().join("guide.sh");
    std::fs::write(&script, commands()).expect("can be written");
    let mut shell = Command::new("setpriv");
    shell.args(["--pdeathsig", "KILL", "timeout", "600"]);
    shell.args(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]);
    shell.arg(format!("{MACHINE} {}", script.display())).current_dir(env!("CARGO_MANIFEST_DIR"));
    // What is built is built where the guide expects it, the reader's own program too (its dependencies are there already).
    shell.env("CARGO_NET_OFFLINE", "true").env("TMPDIR", place.path());
    shell.env("CARGO_TARGET_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/target"));
    let output = shell.stdin(Stdio::null()).output().expect("setpriv can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = format!("{text}\n--- standard error\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {said}", output.status);
    for expected in [
        "3 packets transmitted, 3 received",
        "3 takeovers, the last one ",
        "ftmb_protected 1",
        "IP 10.0.0.1 > 10.0.0.3: ICMP echo request",
        " is committed, ",
        "nothing is left",
        "test result: ok. 1 passed",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in: {said}");
    }
    assert_eq!(text.matches("takeover complete").count(), 3, "{said}");
    let transfer = text.lines().find(|line| line.ends_with("receiver")).unwrap_or_else(|| panic!("{said}"));
    assert!(transfer.contains("bits/sec") && !transfer.contains(" 0.00 "), "{transfer}");
    for (key, expected) in [("lost", "0"), ("duplicated", "0"), ("contradicted", "0"), ("kills", "5")] {
        let line = text.lines().rev().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {said}"));
        assert_eq!(line.split_whitespace().last(), Some(expected), "{line}");
    }
}
