//! What systemd is told of a group that `up` runs as a service (`Type=notify`): sd_notify(3), which is a datagram of lines. Invariant:
//! `READY=1` is sent once, and only when the group is protected; `WATCHDOG=1` only when the gateway has got on since the last one.
//!
//! Without `NOTIFY_SOCKET` in the environment nothing is sent.

use std::ffi::{OsStr, OsString};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::{Duration, Instant};

use ftmb_netio::group_record::{GroupRecord, Protection, Stat};

use super::table::many;

/// Where systemd listens.
const SOCKET: &str = "NOTIFY_SOCKET";
/// How often it wants to hear of the service, us, and which process it means.
const WATCHDOG: [&str; 2] = ["WATCHDOG_USEC", "WATCHDOG_PID"];
/// How much longer than the group itself systemd is asked to wait for its end.
const MARGIN: Duration = Duration::from_secs(5);

/// The line to systemd.
#[derive(Debug)]
pub(super) struct Notifier {
    line: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    ready: bool,
    status: String,
    pinged: Instant,
    /// The gateway's sign of life at that time.
    heartbeat: u64,
}

impl Notifier {
    /// The one that the environment describes.
    pub(super) fn from_environment() -> Notifier {
        Notifier::new(|name| std::env::var_os(name))
    }

    fn new(environment: impl Fn(&str) -> Option<OsString>) -> Notifier {
        let line = environment(SOCKET).and_then(|address| match open(&address) {
            Ok(line) => Some(line),
            Err(error) => {
                tracing::warn!(?address, %error, "systemd cannot be told anything: {SOCKET} is no address for datagrams");
                None
            }
        });
        let [interval, pid] = WATCHDOG.map(|name| environment(name)?.to_str()?.parse::<u64>().ok());
        let meant = pid.is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = interval.filter(|interval| meant && *interval != 0).map(Duration::from_micros);
        Notifier { line, watchdog, ready: false, status: String::new(), pinged: Instant::now(), heartbeat: 0 }
    }

    /// Tells what has changed. To be called more often than the watchdog wants to hear.
    pub(super) fn look(&mut self, record: &GroupRecord) {
        if self.line.is_none() {
            return;
        }
        let protection = record.protection();
        let mut text = String::new();
        let takeovers = record.stat(Stat::Takeovers);
        let status = format!("STATUS={protection}; epoch {}, {}\n", record.epoch(), many(takeovers, "takeover"));
        if status != self.status {
            text += &status;
            self.status = status;
        }
        if protection == Protection::Protected && !self.ready {
            self.ready = true;
            text += "READY=1\n";
        }
        let heartbeat = record.stat(Stat::Heartbeat);
        let due = self.watchdog.is_some_and(|interval| self.pinged.elapsed() >= interval / 2);
        if due && heartbeat != self.heartbeat {
            (self.pinged, self.heartbeat) = (Instant::now(), heartbeat);
            text += "WATCHDOG=1\n";
        }
        self.send(&text);
    }

    /// The group ends, which may take so long.
    pub(super) fn stopping(&mut self, patience: Duration) {
        let wait = (patience + MARGIN).as_micros();
        self.send(&format!("STOPPING=1\nSTATUS=draining what is stamped\nEXTEND_TIMEOUT_USEC={wait}\n"));
    }

    fn send(&self, text: &str) {
        let Some((socket, address)) = &self.line else { return };
        if !text.is_empty()
            && let Err(error) = socket.send_to_addr(text.as_bytes(), address)
        {
            tracing::debug!(%error, "systemd does not listen");
        }
    }
}

fn open(address: &OsStr) -> std::io::Result<(UnixDatagram, SocketAddr)> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(address)?,
        _ => return Err(std::io::ErrorKind::Unsupported.into()),
    };
    let socket = UnixDatagram::unbound()?;
    // Systemd that is busy must not hold up the parent.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// Keeps a process of the group from speaking for the service.
pub(super) fn keep_from(command: &mut Command) {
    command.env_remove(SOCKET);
    WATCHDOG.iter().for_each(|name| {
        command.env_remove(name);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftmb_netio::group_record::{Birth, CoreCut, EpochRecord, Phase, Role};

    struct Systemd {
        socket: UnixDatagram,
        _directory: tempfile::TempDir,
        notifier: Notifier,
    }

    fn systemd(watchdog: &str) -> Systemd {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        socket.set_nonblocking(true).expect("set");
        let (path, watchdog) = (path.into_os_string(), OsString::from(watchdog));
        let notifier = Notifier::new(|name| match name {
            SOCKET => Some(path.clone()),
            "WATCHDOG_USEC" => Some(watchdog.clone()),
            _ => None,
        });
        Systemd { socket, _directory: directory, notifier }
    }

    impl Systemd {
        /// What it hears of the group.
        fn hear(&mut self, record: &GroupRecord) -> String {
            self.notifier.look(record);
            self.received()
        }

        fn received(&self) -> String {
            let mut bytes = [0; 4096];
            let read = self.socket.recv(&mut bytes).unwrap_or(0);
            String::from_utf8_lossy(&bytes[..read]).into_owned()
        }
    }

    #[test]
    fn ready_is_said_once_and_only_when_the_group_is_protected() {
        let record = GroupRecord::anonymous(Birth::now(1, 0)).expect("memory");
        let mut systemd = systemd("0");
        assert_eq!(systemd.hear(&record), "STATUS=starting; epoch 0, 0 takeovers\n");
        assert_eq!(systemd.hear(&record), "", "nothing has changed");
        record.begin_epoch(&EpochRecord { number: 1, cores: vec![CoreCut::default()], ..EpochRecord::default() });
        record.set_active(1);
        assert!(!systemd.hear(&record).contains("READY"), "nothing is committed");
        record.commit(0);
        record.member(1).assign(Role::Standby);
        record.member(1).set_phase(Phase::Standby);
        let heard = systemd.hear(&record);
        assert!(heard.starts_with("STATUS=degraded") && !heard.contains("READY"), "it has applied nothing: {heard}");
        record.member(1).set_applied(0);
        assert_eq!(systemd.hear(&record), "STATUS=protected; epoch 1, 0 takeovers\nREADY=1\n");
        record.member(1).clear();
        assert!(systemd.hear(&record).starts_with("STATUS=degraded"));
        record.member(1).set_phase(Phase::Standby);
        record.member(1).set_applied(0);
        assert_eq!(systemd.hear(&record), "STATUS=protected; epoch 1, 0 takeovers\n", "it is ready already");
        systemd.notifier.stopping(Duration::from_secs(15));
        assert!(systemd.received().contains("STOPPING=1\n"));
    }

    #[test]
    fn the_watchdog_is_fed_only_while_the_gateway_gets_on() {
        let record = GroupRecord::anonymous(Birth::now(1, 0)).expect("memory");
        // Always due.
        let mut systemd = systemd("1");
        assert!(!systemd.hear(&record).contains("WATCHDOG"), "there was no sign of life yet");
        for beat in 1..4 {
            record.set_stat(Stat::Heartbeat, beat);
            std::thread::sleep(Duration::from_micros(10));
            assert_eq!(systemd.hear(&record), "WATCHDOG=1\n");
            std::thread::sleep(Duration::from_micros(10));
            assert_eq!(systemd.hear(&record), "", "the same sign of life");
        }
    }

    #[test]
    fn a_watchdog_of_another_process_and_an_address_of_another_kind_are_left_alone() {
        let set = |name: &str, value: &'static str| {
            let name = name.to_owned();
            move |asked: &str| (asked == name || asked == "WATCHDOG_USEC").then(|| OsString::from(value))
        };
        assert_eq!(Notifier::new(set("WATCHDOG_PID", "1")).watchdog, None);
        assert!(Notifier::new(set(SOCKET, "vsock:2:1")).line.is_none());
        assert!(Notifier::new(set(SOCKET, "@ftmb-test-of-an-abstract-address")).line.is_some());
    }
}
