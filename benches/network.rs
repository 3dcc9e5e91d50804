//! What a NAT between two real interfaces does: this one and those that operators run today, between the same namespaces.
//!
//! Work, in a client's namespace, through the box's, to a server's (`tests/network/`), over veth pairs. For single TCP flows, their frames
//! go to CPUs as is best for each system; else to nobody but the CPU that sent them:
//!
//! | case | what is measured |
//! | --- | --- |
//! | `tcp` | one iperf3 flow, Gbit/s received, with segmentation and checksum offloads |
//! | `tcp-plain` | the same without: every frame of 1500 bytes is whole |
//! | `udp-64` | UDP in frames of 64 bytes over 16 flows as fast as they can be sent: Mpps that reach the server's socket |
//! | `connections` | wrk with `Connection: close` against nginx, 64 at once: new connections a second |
//! | `round-trip` | a UDP question every millisecond on an idle box: us, p50 and p99 |
//! | `kill` | of systems that survive it: the longest time without an answer to such questions when the master is killed; then one iperf3 flow and a kill a second: segments sent again and timeouts, for each kill |
//!
//! Every measurement has new namespaces. The systems take turns within each case, and all cases are gone through again and again
//! (`--rounds`); figures are medians. Everything shares the machine's CPUs: clients and servers as well, so they compare systems and do not say what one could do alone.
//!
//! ```sh
//! cargo bench --bench network                                     # a table; needs root, iperf3, nginx, wrk, nft, conntrackd
//! cargo bench --bench network -- --json --rounds 9 --seconds 5 --only tcp/masquerade
//! ```

mod measure;
#[path = "../tests/network/mod.rs"]
mod network;

#[path = "network/cases.rs"]
mod cases;
#[path = "network/systems.rs"]
mod systems;
#[path = "network/unprotected.rs"]
mod unprotected;

use std::time::Duration;

use cases::Case;
use measure::{Arguments, Lines, handoff, median};

/// What was measured of one system in one case: by figure, one value a round.
struct Row {
    case: Case,
    system: &'static str,
    figures: Vec<(&'static str, Vec<f64>)>,
}

impl Row {
    fn add(&mut self, measured: Vec<(&'static str, f64)>) {
        for (name, value) in measured {
            match self.figures.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => self.figures.push((name, vec![value])),
            }
        }
    }

    fn json(&self) -> serde_json::Value {
        let figures = self.figures.iter().map(|(name, values)| {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let figure = serde_json::json!({ "median": median(values.clone()), "min": least, "max": most });
            (name.to_string(), figure)
        });
        let figures: serde_json::Map<_, _> = figures.collect();
        serde_json::json!({ "case": self.case.name(), "system": self.system, "figures": figures })
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<12} {:<22}", self.case.name(), self.system)?;
        for (name, values) in &self.figures {
            write!(f, " {:>12} {name}", format!("{:.2}", median(values.clone())))?;
        }
        Ok(())
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some(unprotected::COMMAND) {
        unprotected::run();
    }
    let arguments = Arguments::parse(5);
    let seconds = Duration::from_secs(if arguments.smoke { 1 } else { arguments.seconds.unwrap_or(3) });
    let mut needed: Vec<&str> = systems::ALL.iter().flat_map(|system| system.needs()).copied().collect();
    needed.extend(["iperf3", "nginx", "wrk"]);
    if let Some(missing) = network::missing(&needed) {
        println!("not measured: {missing}");
        return;
    }
    measure::cpus();
    let before = handoff();
    let mut rows: Vec<Row> = Vec::new();
    for round in 1..=arguments.rounds {
        for case in Case::ALL {
            for system in systems::ALL {
                let name = format!("{}/{}", case.name(), system.name());
                if !arguments.wants(&name) || !case.fits(*system) {
                    continue;
                }
                eprintln!("round {round} of {}: {name}", arguments.rounds);
                let measured = case.measure(*system, seconds);
                let is_this = |row: &&mut Row| row.case == case && row.system == system.name();
                match rows.iter_mut().find(is_this) {
                    Some(row) => row.add(measured),
                    None => {
                        let mut row = Row { case, system: system.name(), figures: Vec::new() };
                        row.add(measured);
                        rows.push(row);
                    }
                }
            }
        }
    }
    let lines = Lines { before, after: handoff() };
    for row in &rows {
        println!("{row}");
    }
    println!("{lines}");
    if arguments.json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        let json = serde_json::json!({
            "bench": "network", "rounds": arguments.rounds, "seconds": seconds.as_secs(), "rows": rows, "handoff": lines.json(),
        });
        println!("{json}");
    }
}
