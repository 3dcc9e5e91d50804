//! What is measured of a system.
//!
//! Invariant: a measurement has a lab of its own, and its figures are taken at its ends, by the client or by the server's kernel,
//! never from the system itself.

use std::time::Duration;

use crate::network::counters::{Counters, Flow};
use crate::network::load::{self, Client};
use crate::network::peers::{self, Iperf3, Nginx, Transfer};
use crate::network::process::{PATIENCE, until};
use crate::network::{Lab, Plan, lab, lab::Steering};
use crate::systems::{Running, System};

/// One kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// One TCP flow, with offloads.
    Tcp,
    /// One TCP flow, without.
    TcpPlain,
    /// Small UDP packets.
    Udp64,
    /// New TCP connections.
    Connections,
    /// Round trips on an idle box.
    RoundTrip,
    /// What a kill does to a probe and to a TCP flow.
    Kill,
}

type Figures = Vec<(&'static str, f64)>;

impl Case {
    /// In the order of their turns.
    pub(crate) const ALL: [Case; 6] =
        [Case::Tcp, Case::TcpPlain, Case::Udp64, Case::Connections, Case::RoundTrip, Case::Kill];

    /// In tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Case::Tcp => "tcp",
            Case::TcpPlain => "tcp-plain",
            Case::Udp64 => "udp-64",
            Case::Connections => "connections",
            Case::RoundTrip => "round-trip",
            Case::Kill => "kill",
        }
    }

    /// Whether it can be measured of a system.
    pub(crate) fn fits(self, system: &dyn System) -> bool {
        self != Case::Kill || system.is_protected()
    }

    /// Measures it once.
    pub(crate) fn measure(self, system: &dyn System, time: Duration) -> Figures {
        // New connections and small packets are whole frames; without offloads nothing else can leave either end.
        let offloads = !matches!(self, Case::TcpPlain);
        // Elsewhere no order is lost that anybody would miss, and a flood whose every frame interrupts the CPU on which the box runs
        // measures interrupts.
        let steering = match self {
            Case::Tcp | Case::TcpPlain | Case::Kill => system.steering(),
            Case::Udp64 | Case::Connections | Case::RoundTrip => Steering::Nobody,
        };
        let wire = system.wire();
        let lab = Lab::build(Plan { wire, offloads, steering, ..Plan::default() });
        let mut running = system.start(&lab);
        let mut figures = match self {
            Case::Tcp | Case::TcpPlain => tcp(&lab, time),
            Case::Udp64 => small_packets(&lab, time),
            Case::Connections => connections(&lab, time),
            Case::RoundTrip => round_trips(&lab, time),
            Case::Kill => kills(&lab, &mut *running, time),
        };
        figures.extend(running.figures(&lab));
        figures
    }
}

fn tcp(lab: &Lab, time: Duration) -> Figures {
    let server = Iperf3::serve(lab);
    // The first second is the slow start's.
    let transfer = server.run(lab, &format!("-O 1 -t {}", time.as_secs()));
    vec![("Gbit/s", transfer.bits_per_second / 1e9), ("retransmits", transfer.retransmits as f64)]
}

fn small_packets(lab: &Lab, time: Duration) -> Figures {
    let _servers = load::serve(lab, lab::SERVER);
    let before = Counters::of(&lab.server);
    let report = Client::start(lab, &format!("flood --seconds {}", time.as_secs_f64())).finish(PATIENCE + time);
    let arrived = Counters::of(&lab.server).since(&before);
    // Those that did not fit into the socket's buffer have arrived as well: nobody reads it.
    let arrived = arrived.get("UdpInDatagrams") + arrived.get("UdpRcvbufErrors");
    let seconds = report.number("/seconds");
    vec![("Mpps", arrived as f64 / seconds / 1e6), ("Mpps sent", report.number("/sent") / seconds / 1e6)]
}

fn connections(lab: &Lab, time: Duration) -> Figures {
    let _server = Nginx::serve(lab);
    let requests = peers::wrk(lab, time.as_secs(), 64);
    vec![("connections/s", requests.per_second), ("errors", requests.errors as f64)]
}

fn round_trips(lab: &Lab, time: Duration) -> Figures {
    let _servers = load::serve(lab, lab::SERVER);
    let report = Client::start(lab, &format!("probe --seconds {}", time.as_secs_f64())).finish(PATIENCE + time);
    vec![
        ("us p50", report.number("/round_trip_us/p50")),
        ("us p99", report.number("/round_trip_us/p99")),
        ("lost", report.number("/lost")),
    ]
}

/// One kill under a probe, and as many as there are seconds under a TCP flow at full speed.
fn kills(lab: &Lab, running: &mut dyn Running, time: Duration) -> Figures {
    let servers = load::serve(lab, lab::SERVER);
    let probe = Client::start(lab, "probe");
    std::thread::sleep(time / 4);
    running.kill();
    std::thread::sleep(time / 4);
    let report = probe.end(PATIENCE);
    drop(servers);

    let server = Iperf3::serve(lab);
    let before = Counters::of(&lab.client);
    let mut client = server.start(lab, &format!("-t {}", time.as_secs() + 1));
    let sent = || Flow::all(&lab.client, "dport = :5201").iter().map(|flow| flow.acknowledged).max().unwrap_or(0);
    until("the transfer", || sent() > 10_000_000);
    let mut kills = 0;
    while client.runs() && kills < time.as_secs() {
        std::thread::sleep(Duration::from_millis(400));
        running.kill();
        kills += 1;
    }
    let transfer = Transfer::read(&client.finish(PATIENCE));
    let counters = Counters::of(&lab.client).since(&before);
    let per_kill = |name| counters.get(name) as f64 / kills as f64;
    vec![
        ("ms outage", report.number("/longest_outage_us") / 1e3),
        ("lost", report.number("/lost")),
        ("retransmissions/kill", per_kill("TcpRetransSegs")),
        ("tail probes/kill", per_kill("TcpExtTCPLossProbes")),
        ("timeouts/kill", per_kill("TcpExtTCPTimeouts")),
        ("Gbit/s meanwhile", transfer.bits_per_second / 1e9),
    ]
}
