//! One TCP connection at full speed through a NAT between two interfaces, whose master is killed five times: real stacks on both
//! sides, and what their kernels count compared with an equal run in which nobody is killed.
//!
//! Always asserted is what holds whatever the time: everything arrives as it was sent, each kill is a takeover, the group has lost
//! nothing. That congestion control does not notice depends on how long nothing leaves, and so on the machine: it is asserted
//! of runs in which, by the group's own figures, that was less than TCP waits for at least (200 ms), in which no queue of
//! the kernel has dropped a frame, and whose equal run without kills is one that nothing happens to.

mod network;

use std::collections::BTreeMap;
use std::time::Duration;

use network::counters::{Counters, Flow, backlog_drops};
use network::group::{self, Group};
use network::load;
use network::peers::{Iperf3, Transfer};
use network::process::PATIENCE;
use network::{Lab, Plan, Wire, lab, possible};

const KILLS: u64 = 5;
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
    gigabits: f64,
    /// As the sender's kernel counts.
    congestion: BTreeMap<&'static str, u64>,
    timeouts: u64,
    /// Times that the congestion window was reduced for another reason.
    reductions: u64,
    /// Segments sent again, but for those that only ask whether the last one has arrived.
    retransmitted: u64,
    probes: u64,
    /// What the group says that it lost, and what the kernel lost between interfaces.
    losses: Vec<(&'static str, u64)>,
    outages: Vec<group::Outage>,
    longest: Duration,
}

fn run(kills: u64) -> Run {
    let lab = the_lab();
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    let server = Iperf3::serve(&lab);
    let (before, dropped) = (Counters::of(&lab.client), backlog_drops());
    let mut client = server.start(&lab, "-t 4");
    let sent = || Flow::all(&lab.client, "dport = :5201").iter().map(|flow| flow.acknowledged).max().unwrap_or(0);
    client.until("the transfer", |_| sent() > 10_000_000);
    for _ in 0..kills {
        group.kill_master();
        let at_kill = sent();
        client.until("the transfer to go on", |_| sent() > at_kill + 1_000_000);
        std::thread::sleep(PAUSE);
    }
    let transfer = Transfer::read(&client.finish(PATIENCE));
    let counters = Counters::of(&lab.client).since(&before);
    let mut losses = group.losses();
    losses.extend(
        Some(("dropped by the kernel between interfaces", backlog_drops() - dropped)).filter(|loss| loss.1 > 0),
    );
    let reductions = ["TcpExtTCPSackRecovery", "TcpExtTCPRenoRecovery", "TcpExtTCPLossProbeRecovery"];
    let probes = counters.get("TcpExtTCPLossProbes");
    let run = Run {
        gigabits: transfer.bits_per_second / 1e9,
        timeouts: counters.get("TcpExtTCPTimeouts"),
        reductions: reductions.iter().map(|name| counters.get(name)).sum(),
        retransmitted: counters.get("TcpRetransSegs").saturating_sub(probes),
        probes,
        congestion: counters.congestion(),
        losses,
        outages: group.outages(),
        longest: group.longest_outage(),
    };
    eprintln!("{kills} kills: {:.1} Gbit/s, {:?}, {} probes", run.gigabits, run.congestion, run.probes);
    eprintln!("  lost: {:?}; outages of at most {:?}: {:?}", run.losses, run.longest, run.outages);
    assert!(transfer.bytes > 10_000_000, "{run:?}");
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
        let (quiet, killed) = (run(0), run(KILLS));
        assert_eq!(killed.outages.len() as u64, KILLS, "{killed:?}");
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
    for _ in 0..KILLS {
        let before = received();
        network::process::until("the transfers to go on", || received() > before + 5_000_000);
        group.kill_master();
    }
    let report = client.end(PATIENCE);
    eprintln!("{report:?}; lost: {:?}; {:?}", group.losses(), group.outages());
    assert_eq!((report.count("/long_lived/broken"), report.count("/long_lived/complete")), (0, 2), "{report:?}");
    group.end();
}
