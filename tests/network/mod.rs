//! What the tests in network namespaces share: a client, a box and a server, each in a namespace of its own, joined by veth pairs.
//!
//! ```text
//!   client namespace            box namespace              server namespace
//!   ┌──────────────┐      ┌──────────────────────┐      ┌──────────────┐
//!   │          eth0├──────┤inside         outside├──────┤eth0          │
//!   └──────────────┘ veth └──────────────────────┘ veth └──────────────┘
//! ```
//!
//! Invariant: nothing can remain of a test, whatever way it ends, because nothing has a name that would have to be removed.
//!
//! - A namespace is held by a thread and a file descriptor of the test, not by a file in `/run/netns`, and its interfaces are
//!   created in it, so the kernel removes both with the test, also after SIGKILL.
//! - A process in it is the child of a *guard* (`load/guard.rs`), which the kernel tells of the test's death, and which ends only
//!   after all of its descendants.
//! - Files are in a directory whose name says which process it belongs to. The guards remove it if the test cannot; the next test
//!   looks for directories and processes that have lost their owner all the same (`leftovers.rs`), and says what it found.

#![allow(dead_code, reason = "each test uses its share")]

pub(crate) mod counters;
pub(crate) mod group;
pub(crate) mod kernel;
pub(crate) mod lab;
pub(crate) mod leftovers;
pub(crate) mod load;
pub(crate) mod namespace;
pub(crate) mod peers;
pub(crate) mod process;

pub(crate) use lab::{Lab, Plan, Wire};
pub(crate) use namespace::Namespace;

/// Why there can be no test here: what is missing, of root's rights and of the programs that it needs. `None`: nothing.
pub(crate) fn missing(programs: &[&str]) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("this needs root".into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |program: &str| std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
    let tools = ["ip", "ethtool", "unshare"];
    let lacking: Vec<&str> = tools.iter().chain(programs).copied().filter(|program| !found(program)).collect();
    if !lacking.is_empty() {
        return Some(format!("not installed: {}", lacking.join(", ")));
    }
    let allowed = std::process::Command::new("unshare").args(["--net", "true"]).output();
    let allowed = allowed.is_ok_and(|output| output.status.success());
    (!allowed).then(|| "root may not make network namespaces here".into())
}

/// Whether a test can take place; if not, says why.
pub(crate) fn possible(programs: &[&str]) -> bool {
    let missing = missing(programs);
    if let Some(missing) = &missing {
        eprintln!("skipped: {missing}");
    }
    missing.is_none()
}
