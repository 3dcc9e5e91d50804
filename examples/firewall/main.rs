//! A stateful firewall that survives being killed: rules decide which flows may begin, and what belongs to one may
//! pass.
//!
//! ```text
//! cargo run --release --example firewall -- demo
//! ```
//!
//! Between kills nothing may go wrong in either direction. A firewall that forgets its flows cuts connections that it
//! has allowed; one that starts from a copy made a moment ago lets replies through to a connection that was reset
//! since, or applies rules that an operator has already replaced and was told so. Here a packet leaves, and so does the
//! answer to an operator, only when what it depends on would survive.
//!
//! The program is `middlebox/mod.rs`: locks and maps of `std`, and four attributes, as in the NAT example.
//!
//! # Rules
//!
//! ```text
//! allow out tcp from 10.1.0.3/32 to port 25
//! deny out tcp to port 25
//! allow in tcp to 10.1.0.1/32 port 443
//! ```
//!
//! The first rule that applies to a flow's first packet decides; if none does, what comes from inside may begin and
//! what comes from outside may not. The rules to start with are in the configuration (`[middlebox] rules = ["...",
//! ...]`). While packets flow they are changed by control requests (`firewall control add deny out tcp to port 25`):
//! `add RULE`, `insert NUMBER RULE`, `remove NUMBER`, `list`. A request is an input like a packet, so it is replayed in
//! its place among them, and its reply is an output: whoever reads "added" will not find it gone after a crash. What is
//! not a request is refused with the reason, by a `ControlError`.
//!
//! A change counts for flows that are open as well: those that the new rules forbid are cut before the reply is
//! written.
//!
//! # State
//!
//! A TCP connection goes through the phases in `../tracking/mod.rs`; a segment that may not come in the present phase
//! is dropped. UDP and ICMP echo have a pseudo-state, answered or not. Idle flows are forgotten, each phase has its
//! timeout. ICMP errors pass if they are about a packet of a flow.
//!
//! # What is shared, and what is logged
//!
//! Flows are in sixteen tables, each with a lock of its own. A packet of a known flow takes one of them shared, once:
//! one word of 64 bits in the log. A packet that changes the phase, or finds that the flow was last seen a second ago,
//! takes it exclusively. Only a packet that opens a flow looks at the rules. Counters cost nothing.
//!
//! At each tick the first core goes through one of the sixteen tables, so no tick is long.
//!
//! # Limits
//!
//! Sequence numbers are not checked. Fragments, malformed packets, and whatever is not TCP, UDP or ICMP over IPv4 are
//! dropped and counted. ARP passes, so that the hosts of the two sides find each other; so does what is neither IPv4 nor
//! ARP if the configuration says `pass_other = true` (the rules do not look at it). VLAN tags pass as they are.

mod middlebox;
mod scenario;
#[cfg(test)]
mod tests;
#[path = "../traffic/mod.rs"]
mod traffic;

use ftmb::prelude::*;
use middlebox::{Firewall, FirewallConfig};
use scenario::FirewallScenario;

fn main() -> ftmb::Result<()> {
    App::new("firewall", |config: FirewallConfig, ports: &Ports| {
        let rules = config.rules()?;
        Ok(Firewall::new(config, rules, ports.id("inside")?, ports.id("outside")?))
    })
    .scenario(FirewallScenario::default())
    .run()
}
