//! What is measured of a system.
//!
//! Invariant: a measurement has a lab of its own, and its figures are taken at its ends, by the client or by the server's kernel,
//! never from the system itself.

use std::time::Duration;

use crate::network::counters::Counters;
use crate::network::load::{self, Client};
use crate::network::peers::{self, Iperf3, Nginx};
use crate::network::process::PATIENCE;
use crate::network::{Lab, Plan, lab};
use crate::systems::System;

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
}

type Figures = Vec<(&'static str, f64)>;

impl Case {
    /// In the order of their turns.
    pub(crate) const ALL: [Case; 5] = [Case::Tcp, Case::TcpPlain, Case::Udp64, Case::Connections, Case::RoundTrip];

    /// In tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Case::Tcp => "tcp",
            Case::TcpPlain => "tcp-plain",
            Case::Udp64 => "udp-64",
            Case::Connections => "connections",
            Case::RoundTrip => "round-trip",
        }
    }

    /// Measures it once.
    pub(crate) fn measure(self, system: &dyn System, time: Duration) -> Figures {
        // New connections and small packets are whole frames; without offloads nothing else can leave either end.
        let offloads = !matches!(self, Case::TcpPlain);
        let (wire, steering) = (system.wire(), system.steering());
        let lab = Lab::build(Plan { wire, offloads, steering, ..Plan::default() });
        let running = system.start(&lab);
        let mut figures = match self {
            Case::Tcp | Case::TcpPlain => tcp(&lab, time),
            Case::Udp64 => small_packets(&lab, time),
            Case::Connections => connections(&lab, time),
            Case::RoundTrip => round_trips(&lab, time),
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
