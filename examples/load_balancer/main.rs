//! A load balancer that survives being killed: it spreads the connections to one service over many backends, and a
//! connection stays with its backend whatever happens.
//!
//! ```text
//! cargo run --release --example load_balancer -- demo
//! ```
//!
//! Clients connect to one address. A new connection is given to a backend by Maglev hashing (`middlebox/maglev.rs`):
//! equal shares, and few changes when a backend comes or goes. Few is not none, so each connection is remembered in a
//! table with its backend. That table is what must not be lost: without it a connection whose place in the hash table
//! has changed hands would go on to a server that has never heard of it.
//!
//! The program is `middlebox/mod.rs`: locks and maps of `std`, and four attributes, as in the NAT example.
//!
//! # Backends come and go
//!
//! Those to start with are in the configuration (`[middlebox] backends = ["10.1.0.1:8443", ...]`). While packets flow
//! they are changed by control requests (`load_balancer control add 10.1.0.9:8443`): `add ADDRESS:PORT`, `remove
//! ADDRESS:PORT`, `list`. A backend that was removed gets no new connections and keeps those that it has; `list` shows
//! when it has been drained. A request is an input like a packet, so it is replayed in its place among them: a
//! connection that was opened just before a backend came is given to the same one again.
//!
//! # What is rewritten
//!
//! The destination of what a client sends becomes the backend, the source of what the backend answers becomes the
//! service, in both cases address and port; checksums are updated, not recomputed (RFC 1624). ICMP errors are
//! translated with the packet that they quote. Ethernet headers and VLAN tags pass as they are, and ARP passes: clients
//! reach the service by a route over a router, or a host that has all backends' addresses, on the servers' side. What is
//! neither IPv4 nor ARP passes if the configuration says `pass_other = true`.
//!
//! # What is shared, and what is logged
//!
//! The two directions of a connection run on different cores, since their addresses differ. Connections are in sixteen
//! tables, each with a lock of its own. A packet of a known connection takes one of them shared, once: one word of 64
//! bits in the log. Only a packet that opens a connection looks at the Maglev table. At each tick the first core looks
//! for expired connections in one of the sixteen tables.
//!
//! # Limits
//!
//! One service, TCP and UDP, no health checks (an operator, or a program in his place, removes what is ill). A TCP
//! connection begins with a SYN; one in its middle is not taken up. Backends cannot open connections through the
//! balancer. Fragments and malformed packets are dropped and counted.

mod middlebox;
mod scenario;
#[cfg(test)]
mod tests;
#[path = "../traffic/mod.rs"]
mod traffic;

use ftmb::prelude::*;
use middlebox::{BalancerConfig, LoadBalancer};
use scenario::BalancerScenario;

fn main() -> ftmb::Result<()> {
    App::new("load_balancer", |config: BalancerConfig, ports: &Ports| {
        Ok(LoadBalancer::new(config.checked()?, ports.id("clients")?, ports.id("servers")?))
    })
    .scenario(BalancerScenario::default())
    .run()
}
