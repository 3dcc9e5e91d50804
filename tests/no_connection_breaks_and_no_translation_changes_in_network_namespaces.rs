//! Hundreds of connections and UDP flows through a NAT between two interfaces, and its master is killed again and again: no
//! connection is broken, old or just being opened, no byte is wrong, and every flow keeps the public port it had.
//!
//! `FTMB_STORM` says how many connections are opened a second (150 unless it does).

mod network;

use std::time::Duration;

use network::counters::{Counters, backlog_drops};
use network::group::{self, Group};
use network::load::{self, Client, Report};
use network::process::{PATIENCE, until};
use network::{Lab, Plan, Wire, lab, possible};

const PAUSE: Duration = Duration::from_millis(200);

fn the_lab() -> Lab {
    Lab::build(Plan { wire: Wire::Transparent, ..Plan::default() })
}

fn assert_unbroken(report: &Report, kind: &str) {
    let count = |key: &str| report.count(&format!("/{kind}/{key}"));
    assert_eq!((count("broken"), count("complete")), (0, count("opened")), "{report:?}");
}

/// Nothing of what the group took in was lost by it.
fn end(group: Group) {
    eprintln!("{:?}", group.outages());
    assert_eq!(group.losses(), [], "{}", group.log());
    group.end();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn slow_downloads_and_client_first_connections() {
    if !possible(&["ss"]) {
        return;
    }
    let lab = the_lab();
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    let _servers = load::serve(&lab, lab::SERVER);
    let talks = Client::start(&lab, "connections --rate 0 --long-lived 200 --every 100");
    let mut downloads = Client::start(&lab, "downloads --connections 200 --bytes 400000 --rate 100000");
    let established = || lab.client.sh("ss --tcp --no-header state established").lines().count();
    until("all connections", || established() >= 400);
    group.kill_masters(group::kills(), PAUSE);
    while downloads.runs() {
        group.kill_masters(1, PAUSE);
    }
    let report = downloads.finish(PATIENCE);
    assert_unbroken(&report, "downloads");
    assert_eq!(report.count("/downloads/complete"), 200, "{report:?}");
    let report = talks.end(PATIENCE);
    assert_unbroken(&report, "long_lived");
    assert!(report.count("/long_lived/answers") >= 400, "{report:?}");
    end(group);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_storm_of_new_connections_with_random_ports() {
    if !possible(&["ss"]) {
        return;
    }
    let lab = the_lab();
    // What conntrackd and keepalived do not survive: a public port that nobody could guess again.
    let config = format!("{}port_allocation = \"random\"\n", group::nat());
    let mut group = Group::start(&lab, "nat", &config, &[]);
    let _servers = load::serve(&lab, lab::SERVER);
    let dropped = backlog_drops();
    let rate = std::env::var("FTMB_STORM").ok().and_then(|value| value.parse().ok()).unwrap_or(150_u64);
    let flows = Client::start(&lab, "flows --flows 100 --every 20");
    let storm = Client::start(&lab, &format!("connections --rate {rate} --long-lived 50 --every 100"));
    until("connections", || lab.client.sh("ss --tcp --no-header state established").lines().count() >= 50);
    group.kill_masters(group::kills(), PAUSE);
    let report = storm.end(PATIENCE);
    eprintln!("{report:?}");
    assert_unbroken(&report, "short");
    assert_unbroken(&report, "long_lived");
    assert!(report.count("/short/opened") > rate / 2, "{report:?}");
    let report = flows.end(PATIENCE);
    eprintln!("{report:?}");
    assert_eq!(
        (report.count("/changed"), report.count("/silent"), report.count("/duplicated")),
        (0, 0, 0),
        "{report:?}"
    );
    assert_eq!(report.count("/addresses"), 100, "{report:?}");
    assert_eq!(group.losses(), [], "{report:?}, {}", group.log());
    // What is missing has been counted by a queue of the kernel, or by a socket at one of the ends.
    let full = |namespace| {
        let counters = Counters::of(namespace);
        counters.get("UdpRcvbufErrors") + counters.get("UdpSndbufErrors")
    };
    let dropped = backlog_drops() - dropped + full(&lab.client) + full(&lab.server);
    assert!(report.count("/lost") <= dropped, "{report:?}, {dropped} dropped by the kernel");
    end(group);
}
