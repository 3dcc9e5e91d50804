//! One TCP connection at full speed through a NAT between two interfaces, whose master is killed five times: real stacks on both
//! sides, and what their kernels count compared with an equal run in which nobody is killed.
//!
//! Always asserted is what holds whatever the time: everything arrives as it was sent, each kill is a takeover, the group has lost
//! nothing. That congestion control does not notice depends on how long nothing leaves, and so on the machine: it is asserted
//! of runs in which, by the group's own figures, that was less than TCP waits for at least (200 ms), in which no queue of
//! the kernel has dropped a frame, and whose equal run without kills is one that nothing happens to.

mod network;

use std::time::{Duration, Instant};

use network::counters::{Counters, Flow, backlog_drops};
use network::group::{self, Group, Outage};
use network::load;
use network::peers::Iperf3;
use network::process::PATIENCE;
use network::{Lab, Plan, Wire, lab, possible};

/// Well below the shortest retransmission timeout of Linux, 200 ms.
const UNNOTICED: Duration = Duration::from_millis(150);
/// Between a takeover and the next kill.
const PAUSE: Duration = Duration::from_millis(250);
/// Pairs of runs until one says something.
const ATTEMPTS: u32 = 3;

fn the_lab() -> Lab {
    Lab::build(Plan { wire: Wire::Transparent, ..Plan::default() })
}

/// What became of one transfer.
#[derive(Debug)]
struct Run {
    /// As the sender's kernel counts.
    timeouts: u64,
    /// Times that the congestion window was reduced for another reason.
    reductions: u64,
    /// Segments sent again, but for those that only ask whether the last one has arrived.
    retransmitted: u64,
    /// What the kernel lost between interfaces.
    losses: Vec<(&'static str, u64)>,
    outages: Vec<Outage>,
    longest: Duration,
}

/// A transfer that goes on as long as it is looked at: the same time with kills as without.
fn run(killed: bool) -> Run {
    let lab = the_lab();
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    let server = Iperf3::serve(&lab);
    let (before, dropped) = (Counters::of(&lab.client), backlog_drops());
    let mut client = server.start(&lab, "-t 3600");
    let sent = || Flow::all(&lab.client, "dport = :5201").iter().map(|flow| flow.acknowledged).max().unwrap_or(0);
    client.until("the transfer", |_| sent() > 1_000_000);
    let (start, at_start) = (Instant::now(), sent());
    for _ in 0..group::kills() {
        if killed {
            group.kill_master();
        }
        let now = sent();
        client.until("the transfer to go on", |_| sent() > now + 1_000_000);
        std::thread::sleep(PAUSE);
    }
    let bytes = sent() - at_start;
    let counters = Counters::of(&lab.client).since(&before);
    let gigabits = bytes as f64 * 8.0 / start.elapsed().as_secs_f64() / 1e9;
    let mut losses = group.losses();
    assert_eq!(losses, [], "the group has lost something: {}", group.log());
    losses.extend(Some(("between interfaces", backlog_drops() - dropped)).filter(|loss| loss.1 > 0));
    let reductions = ["TcpExtTCPSackRecovery", "TcpExtTCPRenoRecovery", "TcpExtTCPLossProbeRecovery"];
    let probes = counters.get("TcpExtTCPLossProbes");
    let run = Run {
        timeouts: counters.get("TcpExtTCPTimeouts"),
        reductions: reductions.iter().map(|name| counters.get(name)).sum(),
        retransmitted: counters.get("TcpRetransSegs").saturating_sub(probes),
        losses,
        outages: group.outages(),
        longest: group.longest_outage(),
    };
    eprintln!("{} kills: {gigabits:.1} Gbit/s, {:?}, {probes} probes", run.outages.len(), counters.congestion());
    eprintln!("  lost: {:?}; outages of at most {:?}: {:?}", run.losses, run.longest, run.outages);
    drop(client);
    group.end();
    run
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_timeout_no_reduced_window_and_nothing_sent_again() {
    if !possible(&["iperf3", "ss"]) {
        return;
    }
    let mut noticed = Vec::new();
    for attempt in 1..=ATTEMPTS {
        let (quiet, killed) = (run(false), run(true));
        assert_eq!(killed.outages.len() as u64, group::kills(), "{killed:?}");
        let calm = |run: &Run| run.timeouts == 0 && run.reductions == 0 && run.retransmitted == 0;
        if calm(&killed) {
            return;
        }
        if !calm(&quiet) || !killed.losses.is_empty() || killed.longest >= UNNOTICED {
            eprintln!("attempt {attempt}: this machine was too busy to tell what the kills have done");
            continue;
        }
        noticed.push((quiet, killed));
    }
    assert!(noticed.len() < 2, "congestion control noticed the kills: {noticed:#?}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn every_byte_arrives_as_it_was_sent() {
    if !possible(&["ss"]) {
        return;
    }
    let lab = the_lab();
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    let _servers = load::serve(&lab, lab::SERVER);
    // Two connections that ask for 20 MB again and again, as fast as they come.
    let client = load::Client::start(&lab, "connections --rate 0 --long-lived 2 --every 1 --bytes 20000000");
    let received = || Flow::all(&lab.server, "sport >= :7000").iter().map(|flow| flow.acknowledged).sum::<u64>();
    for _ in 0..group::kills() {
        let before = received();
        network::process::until("the transfers to go on", || received() > before + 5_000_000);
        group.kill_master();
    }
    let report = client.end(PATIENCE);
    eprintln!("{report:?}; {:?}", group.outages());
    assert_eq!(group.losses(), [], "{}", group.log());
    assert_eq!((report.count("/long_lived/broken"), report.count("/long_lived/complete")), (0, 2), "{report:?}");
    group.end();
}
