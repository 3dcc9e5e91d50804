//! The instruments of the network tests, tried on boxes that are known: with the kernel in the middle nothing is lost, a router changes
//! no address, and a NAT changes them once. What the instruments must notice is done to the network on purpose.

mod network;

use std::time::Duration;

use network::counters::{Counters, Flow};
use network::kernel::{self, Kernel};
use network::process::PATIENCE;
use network::{Lab, lab, load, peers, possible};

fn patience() -> Duration {
    PATIENCE * 2
}

fn all_loads_pass(lab: &Lab, addresses: u64) {
    let _servers = load::serve(lab, lab::SERVER);
    let downloads = load::Client::start(lab, "downloads --connections 50 --bytes 100000 --rate 100000");
    let storm = load::Client::start(lab, "connections --rate 200 --seconds 1.5 --long-lived 20 --every 50");
    let flows = load::Client::start(lab, "flows --flows 30 --seconds 1.5");
    let probe = load::Client::start(lab, "probe --seconds 1.5");

    let report = downloads.finish(patience());
    assert_eq!((report.count("/downloads/complete"), report.count("/downloads/broken")), (50, 0), "{report:?}");
    assert_eq!(report.count("/downloads/bytes"), 50 * 100_000, "{report:?}");
    let report = storm.finish(patience());
    assert_eq!((report.count("/short/broken"), report.count("/long_lived/broken")), (0, 0), "{report:?}");
    assert_eq!(report.count("/short/complete"), report.count("/short/opened"), "{report:?}");
    assert_eq!(report.count("/long_lived/complete"), 20, "{report:?}");
    assert!(report.count("/long_lived/answers") > 40, "{report:?}");
    let report = flows.finish(patience());
    assert_eq!((report.count("/lost"), report.count("/changed"), report.count("/duplicated")), (0, 0, 0), "{report:?}");
    assert_eq!(report.count("/addresses"), addresses, "{report:?}");
    let report = probe.finish(patience());
    assert_eq!((report.count("/lost"), report.count("/duplicated")), (0, 0), "{report:?}");

    load::Client::start(lab, "flood --seconds 0.3").finish(patience());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_router_lets_all_loads_pass() {
    if !possible(&[]) {
        return;
    }
    let lab = kernel::lab(true);
    let _box = Kernel::Router.start(&lab);
    all_loads_pass(&lab, 30);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn masquerade_lets_all_loads_pass() {
    if !possible(Kernel::Masquerade.needs()) {
        return;
    }
    let lab = kernel::lab(false);
    let _box = Kernel::Masquerade.start(&lab);
    all_loads_pass(&lab, 30);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn peers_from_the_distribution_pass() {
    if !possible(&["iperf3", "nginx", "wrk", "curl", "nft"]) {
        return;
    }
    let lab = kernel::lab(true);
    let _box = Kernel::Masquerade.start(&lab);
    let iperf = peers::Iperf3::serve(&lab);
    let transfer = iperf.run(&lab, "-t 1");
    assert!(transfer.bytes > 1_000_000, "{transfer:?}");
    let nginx = peers::Nginx::serve(&lab);
    let requests = peers::wrk(&lab, 1, 8);
    assert!(requests.errors == 0 && requests.per_second > 1.0, "{requests:?}, {}", nginx.errors());
    let text = peers::curl(&lab, &format!("http://{}/small", lab::SERVER)).finish(patience());
    assert_eq!(text, "x".repeat(100));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_nat_that_forgets_its_flows_is_noticed() {
    if !possible(&["nft", "conntrack"]) {
        return;
    }
    let lab = kernel::lab(true);
    let _box = Kernel::Masquerade.start(&lab);
    let _servers = load::serve(&lab, lab::SERVER);
    let storm = load::Client::start(&lab, "connections --rate 20 --long-lived 20 --every 20 --patience 20");
    let flows = load::Client::start(&lab, "flows --flows 20 --every 20");
    let known = || lab.middle.sh("conntrack -L 2>/dev/null").lines().filter(|line| line.contains("ASSURED")).count();
    network::process::until("all flows to be known", || known() >= 40);
    lab.middle.sh("conntrack -F");
    network::process::until("all flows to be known again", || known() >= 20);
    let report = flows.end(patience());
    assert!(report.count("/changed") > 0, "{report:?}");
    let report = storm.end(patience());
    assert!(report.count("/long_lived/broken") > 0, "{report:?}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_box_that_stands_still_is_noticed() {
    if !possible(&["iperf3"]) {
        return;
    }
    let lab = kernel::lab(true);
    let _box = Kernel::Router.start(&lab);
    let _servers = load::serve(&lab, lab::SERVER);
    let iperf = peers::Iperf3::serve(&lab);
    let transfer = iperf.start(&lab, "-t 60");
    let probe = load::Client::start(&lab, "probe");
    let sending = || Flow::all(&lab.client, "dport = :5201").iter().any(|flow| flow.acknowledged > 1_000_000);
    network::process::until("the transfer", sending);
    let before = Counters::of(&lab.client);
    lab.middle.set("net/ipv4/ip_forward", "0");
    std::thread::sleep(Duration::from_millis(500));
    lab.middle.set("net/ipv4/ip_forward", "1");
    network::process::until("retransmissions", || Counters::of(&lab.client).since(&before).get("TcpRetransSegs") > 0);
    let counters = Counters::of(&lab.client).since(&before);
    assert!(counters.get("TcpExtTCPTimeouts") > 0, "{:?}", counters.congestion());
    let flows = Flow::all(&lab.client, "dport = :5201");
    assert!(flows.iter().any(|flow| flow.retransmitted > 0 && flow.threshold.is_some()), "{flows:?}");
    drop(transfer);
    let report = probe.end(patience());
    assert!(report.count("/lost") > 100 && report.count("/longest_outage_us") >= 490_000, "{report:?}");
}
