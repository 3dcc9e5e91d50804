//! A service of `Type=notify`: `READY=1` when the group is protected and not before, signs of life while the gateway gets on, and
//! word of the end.

mod group;

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use ftmb_netio::group_record::{GroupRecord, Protection};
use group::{PATIENCE, Place, Running};
use rustix::process::{Pid, Signal, kill_process};

/// In the place of systemd.
struct Systemd {
    socket: UnixDatagram,
    /// Lines that have come.
    heard: Vec<String>,
}

impl Systemd {
    fn start(place: &Place, more: &[&str]) -> (Systemd, Running) {
        let path = place.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        let mut up = place.up();
        up.args(more).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "40000");
        (Systemd { socket, heard: Vec::new() }, place.spawn(up))
    }

    /// Listens once, for a moment; returns the lines that came together.
    fn listen(&mut self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let Ok(read) = self.socket.recv(&mut bytes) else { return Vec::new() };
        let lines: Vec<_> = String::from_utf8_lossy(&bytes[..read]).lines().map(str::to_owned).collect();
        self.heard.extend(lines.clone());
        lines
    }

    fn until(&mut self, line: &str) {
        let since = Instant::now();
        while !self.listen().iter().any(|heard| heard.starts_with(line)) {
            assert!(since.elapsed() < PATIENCE, "`{line}` did not come: {:?}", self.heard);
        }
    }

    /// Signs of life that come within a time.
    fn pings(&mut self, within: Duration) -> usize {
        let since = Instant::now();
        let mut pings = 0;
        while since.elapsed() < within {
            pings += self.listen().iter().filter(|line| *line == "WATCHDOG=1").count();
        }
        pings
    }
}

fn ready_when_protected(more: &[&str]) {
    let Some(place) = Place::find() else { return };
    let (mut systemd, mut running) = Systemd::start(&place, more);
    systemd.until("READY=1");
    // It was protected when that was sent, and nobody has disturbed it since.
    let record = GroupRecord::open_any(&place.group().join("group")).expect("there");
    // (A machine that is busy elsewhere for a second makes it look stalled.)
    let protection = record.protection();
    assert!(matches!(protection, Protection::Protected | Protection::Stalled), "{protection}: {:?}", systemd.heard);
    let before: Vec<_> = systemd.heard.iter().take_while(|line| *line != "READY=1").cloned().collect();
    assert!(before.iter().any(|line| line.starts_with("STATUS=protected; epoch 1")), "{before:?}");
    assert!(before.iter().any(|line| line.starts_with("STATUS=starting")), "{before:?}");

    let gateway = record.gateway().expect("it has one").pid;
    let gateway = Pid::from_raw(gateway as i32).expect("a pid");
    systemd.until("WATCHDOG=1");
    systemd.until("WATCHDOG=1");
    kill_process(gateway, Signal::STOP).expect("ours");
    // One may be on its way, and the last sign of life may be one that was not told yet.
    assert!(systemd.pings(Duration::from_millis(600)) <= 2, "{:?}", systemd.heard);
    assert_eq!(systemd.pings(Duration::from_millis(600)), 0, "it does not get on, and that must show");
    kill_process(gateway, Signal::CONT).expect("ours");
    systemd.until("WATCHDOG=1");

    running.signal(Signal::TERM);
    systemd.until("STOPPING=1");
    assert_eq!(running.wait().code, Some(0));
    while !systemd.listen().is_empty() {}
    assert_eq!(systemd.heard.iter().filter(|line| *line == "READY=1").count(), 1, "{:?}", systemd.heard);
    assert!(systemd.heard.iter().any(|line| line.starts_with("EXTEND_TIMEOUT_USEC=")), "{:?}", systemd.heard);
}

#[test]
fn with_a_standby_that_has_caught_up() {
    ready_when_protected(&[]);
}

#[test]
fn without_a_standby_when_the_image_holds_a_checkpoint() {
    ready_when_protected(&["--standby", "none"]);
}
