//! Ends of processes and groups, in words. Invariant: every code that a gateway leaves in the record has its words here.

use rustix::process::WaitStatus;

/// Why a group cannot go on, by the code in its record.
pub(super) fn reason(code: u64) -> &'static str {
    match code {
        2 => "replay did not reproduce what was logged or released: the middlebox is not deterministic",
        3 => "a member gave up",
        4 => "takeover after takeover failed",
        5 => "there is no room for its logs",
        7 => "its journal cannot be written, or is damaged",
        _ => "it cannot go on",
    }
}

/// How a process ended.
pub(super) fn describe(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => "unknown".into(),
    }
}
