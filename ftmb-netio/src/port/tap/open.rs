//! How a tap interface comes to be attached. Invariant: every reason why not has an error of its own that says what to do.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::super::{PortError, TapSpec};
use crate::uring::{Interface, TapDevice, TapStep};

/// Frames that may wait for being read, of an interface that is made here: some milliseconds of short ones.
const WAITING: u32 = 10_000;
/// How long a predecessor that has just died may hold the interface: the kernel cleans up behind io_uring at leisure.
const PATIENCE: Duration = Duration::from_secs(2);

/// Attached, and switched on if it was made for this.
pub(super) fn open(spec: &TapSpec) -> Result<TapDevice, PortError> {
    let name = spec.interface();
    let deadline = Instant::now() + PATIENCE;
    let (device, made) = loop {
        let made = Interface::find(name).is_err();
        match TapDevice::attach(name, spec.offload()) {
            Ok(device) => break (device, made),
            Err((TapStep::Attach, error))
                if Errno::from_io_error(&error) == Some(Errno::BUSY) && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err((step, source)) => return Err(refused(name, step, source)),
        }
    };
    let configure = |source| refused(name, TapStep::Configure, source);
    if spec.persistent() {
        device.make_persistent().map_err(configure)?;
    }
    if made {
        Interface::switch_on(name, WAITING).map_err(configure)?;
    } else if Interface::find(name).is_ok_and(|interface| !interface.up) {
        tracing::warn!(interface = name, "the interface is down; frames come once it is up (ip link set {name} up)");
    }
    Ok(device)
}

fn refused(name: &str, step: TapStep, source: io::Error) -> PortError {
    let interface = name.to_owned();
    let doing = match step {
        TapStep::Open => "open /dev/net/tun for",
        TapStep::Attach => "make or attach to the tap interface",
        TapStep::Configure => "configure the tap interface",
    };
    match (Errno::from_io_error(&source), step) {
        (Some(Errno::PERM | Errno::ACCESS), _) => PortError::Permission { interface, doing, source },
        (Some(Errno::NOENT | Errno::NODEV | Errno::NXIO), TapStep::Open) => PortError::NoTaps { interface, source },
        (Some(Errno::BUSY), TapStep::Attach) => PortError::InterfaceInUse { interface },
        (Some(Errno::INVAL), TapStep::Attach) => PortError::NotATap { interface },
        _ => PortError::Interface { interface, doing, source },
    }
}

/// Frames that this host could not send by the interface because too many were waiting to be read, since it was made. `None` if
/// `/proc` does not tell.
pub(super) fn dropped(name: &str) -> Option<u64> {
    find_dropped(&std::fs::read_to_string("/proc/thread-self/net/dev").ok()?, name)
}

/// The fourth figure of what was sent: `name: 8 figures received, then bytes, packets, errors, dropped, ...`.
fn find_dropped(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().nth(8 + 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_count_of_drops_is_found_in_its_table() {
        let table = "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes\n\
                     tap01: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  tap0:100 2 3 4 5 6 7 8 9 10 11 77 13 14 15 16\n";
        assert_eq!((find_dropped(table, "tap0"), find_dropped(table, "tap01")), (Some(77), Some(12)));
        assert_eq!(find_dropped(table, "tap"), None);
        assert!(dropped("lo").is_some());
    }
}
