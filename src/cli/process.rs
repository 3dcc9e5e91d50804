//! Processes of a group, found by its record. Invariant: only a process whose pid and start time are those of the record is
//! signalled, through a descriptor that cannot come to mean another one.

use ftmb_netio::group_record::{GroupRecord, Identity};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::CommandError;

/// The members that the record names and that are alive.
pub(crate) fn members(record: &GroupRecord) -> Vec<Identity> {
    record.members().filter_map(|member| member.identity()).filter(|identity| is_alive(*identity)).collect()
}

/// Whether this very process is there.
pub(crate) fn is_alive(identity: Identity) -> bool {
    Identity::of(identity.pid) == Some(identity)
}

/// Kills a process; false: it had ended already.
pub(crate) fn kill(identity: Identity) -> Result<bool, CommandError> {
    let failed = |step| move |errno: Errno| CommandError::io(step)(errno.into());
    let Some(pid) = Pid::from_raw(identity.pid as i32) else { return Ok(false) };
    let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(false),
        opened => opened.map_err(failed("opening a process"))?,
    };
    // Held now: if it is the right one, it stays so.
    if !is_alive(identity) {
        return Ok(false);
    }
    match pidfd_send_signal(&pidfd, Signal::KILL) {
        Err(Errno::SRCH) => Ok(false),
        sent => sent.map(|()| true).map_err(failed("killing a process")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_killed_only_if_it_is_the_one_that_is_meant() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("there is a sleep");
        let identity = Identity::of(child.id()).expect("alive");
        let earlier = Identity { start: identity.start.wrapping_sub(1), ..identity };
        assert!(!kill(earlier).expect("looked at"), "another process of the same pid");
        assert!(is_alive(identity));
        assert!(kill(identity).expect("killed"));
        assert!(!child.wait().expect("reaped").success());
        assert!(!kill(identity).expect("looked at"));
    }
}
