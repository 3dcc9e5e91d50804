//! nginx behind a firewall and behind a load balancer, each a group between two interfaces whose master is killed again and again:
//! slow downloads by curl come whole, new connections by wrk and by the project's own load are answered, and a change that an
//! operator was told of holds.

mod network;

use std::time::Duration;

use network::group::Group;
use network::load::{self, Client};
use network::peers::{self, Nginx, Requests};
use network::process::{PATIENCE, Process, until};
use network::{Lab, Plan, Wire, lab, possible};

const PAUSE: Duration = Duration::from_millis(150);
/// Programs that are needed.
const NEEDED: &[&str] = &["nginx", "curl", "wrk", "sha256sum", "bash", "ss"];
/// Bytes of a download: about 4 s at its rate.
const BYTES: usize = 400_000;
const RATE: &str = "100k";
const DOWNLOADS: usize = 20;

/// An nginx with a file, and what its SHA-256 must be.
fn nginx(lab: &Lab) -> (Nginx, String) {
    let nginx = Nginx::serve(lab);
    let file = nginx.root().join("large");
    let content: Vec<u8> =
        (0..BYTES as u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).take(BYTES).collect();
    std::fs::write(&file, content).expect("the lab's directory can be written");
    let sum = lab.server.sh(&format!("sha256sum < {}", file.display()));
    (nginx, sum)
}

/// Downloads and short connections while the master is killed, after the operator has changed something.
fn web_traffic_passes(lab: &Lab, group: &mut Group, server: &str, change: &str) {
    let (nginx, sum) = nginx(lab);
    let url = format!("http://{server}/large");
    let mut downloads: Vec<Process> = (0..DOWNLOADS).map(|_| peers::download(lab, &url, RATE)).collect();
    let established = || lab.client.sh("ss --tcp --no-header state established 'dport = :80'").lines().count();
    until("downloads", || established() >= DOWNLOADS / 2);
    group.ask(change);
    let wrk = peers::start_wrk(lab, server, 2, 8);
    for kill in 0.. {
        if kill >= 5 && !downloads.iter_mut().any(Process::runs) {
            break;
        }
        assert!(kill < 200, "no end to the downloads: {}", lab.client.sh("ss --tcp --info --numeric"));
        group.kill_masters(1, PAUSE);
    }
    for download in downloads {
        assert_eq!(download.finish(PATIENCE), sum, "what came is not what was sent: {}", group.log());
    }
    let requests = Requests::read(&wrk.finish(PATIENCE));
    assert!(requests.errors == 0 && requests.per_second > 1.0, "{requests:?}, {}", nginx.errors());
    eprintln!("{requests:?}; {:?}", group.outages());
    assert_eq!(group.losses(), [], "{}", group.log());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_firewall() {
    if !possible(NEEDED) {
        return;
    }
    let lab = Lab::build(Plan { wire: Wire::Transparent, ..Plan::default() });
    let mut group = Group::start(&lab, "firewall", "rules = [\"deny out tcp to port 7001\"]\n", &[]);
    web_traffic_passes(&lab, &mut group, lab::SERVER, "control insert 1 deny out tcp to port 7000");

    // What an operator was told holds for whoever comes next, also after a kill.
    let _servers = load::serve(&lab, lab::SERVER);
    let open = |port: u16| {
        let line = format!("connections --rate 0 --long-lived 1 --tcp {port} --ports 1 --patience 3 --seconds 0.1");
        Client::start(&lab, &line).finish(PATIENCE).count("/long_lived/complete")
    };
    assert_eq!((open(7000), open(7001)), (0, 0), "{}", group.ask("control list"));
    assert_eq!(open(7002), 1, "{}", group.ask("control list"));
    group.end();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_balancer() {
    if !possible(NEEDED) {
        return;
    }
    const SERVICE: &str = "203.0.113.10";
    let lab = Lab::build(Plan { wire: Wire::Transparent, ..Plan::default() });
    let backends = [lab::SERVER, "203.0.113.3", "203.0.113.4"];
    for backend in &backends[1..] {
        lab.server.sh(&format!("ip addr add {backend}/24 dev eth0"));
    }
    let config = format!(
        "service = \"{SERVICE}:80\"\nbackends = [{}]\n",
        backends.map(|backend| format!("\"{backend}:80\"")).join(", ")
    );
    let mut group = Group::start(&lab, "load_balancer", &config, &[]);
    // Who is downloading from it goes on doing so.
    web_traffic_passes(&lab, &mut group, SERVICE, "control remove 203.0.113.3:80");
    let list = group.ask("control list");
    assert!(list.lines().any(|line| line.starts_with("203.0.113.3:80: ") && line.ends_with(", draining")), "{list}");
    group.end();
}
