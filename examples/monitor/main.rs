//! A traffic monitor: counts per flow, finds the heaviest flows, and answers questions about them on the wire.
//!
//! ```text
//! cargo run --release --example monitor -- demo
//! ```
//!
//! Packets pass unchanged from one port to the other. What is counted on the way shows the three kinds of state that a
//! middlebox can have, from free to costly:
//!
//! - A [`Counter`](ftmb::prelude::Counter) can only be added to while packets are processed. Additions commute, so no
//!   order is logged; the totals are counters.
//! - A `#[ftmb(per_core)]` field has one copy for each core, which no other core sees. A core's packets have an order
//!   already, so again nothing is logged. Here it collects what a core has seen, up to 32 packets.
//! - A lock ([`RwLock`](std::sync::RwLock), [`Mutex`](std::sync::Mutex)) makes state common to all cores, and the order
//!   in which they take it is logged. It is taken once for 32 packets, when a core's batch goes into the table.
//!
//! A datagram to UDP port 9 that begins with a magic word is a question: it is not passed on, but answered with the
//! heaviest flows and their counts. The answer is an output like any other, so it is released only when everything it
//! depends on would survive a crash: a count that somebody has read never goes back.

mod middlebox;
mod scenario;
#[cfg(test)]
mod tests;
#[path = "../traffic/mod.rs"]
mod traffic;

use ftmb::prelude::*;
use middlebox::{Monitor, MonitorConfig};
use scenario::MonitorScenario;

fn main() -> ftmb::Result<()> {
    App::new("monitor", |config: MonitorConfig, ports: &Ports| {
        Ok(Monitor::new(config, ports.id("left")?, ports.id("right")?))
    })
    .scenario(MonitorScenario::default())
    .run()
}
