//! A NAT that survives being killed: it translates TCP, UDP and ICMP echo between inside hosts and one public address.
//!
//! ```text
//! cargo run --release --example nat -- demo
//! ```
//!
//! Inside hosts open flows; each gets a public port of its own, and what comes back to that port goes to its host. The
//! flow tables are what must not be lost: a NAT that forgets them breaks every connection, and one that restores them
//! from a copy made a moment ago breaks those opened since, although their first packets have already left. Here no
//! packet leaves before the table entry it stems from would survive.
//!
//! The program is `middlebox/mod.rs`: locks and maps of `std`, and four attributes.
//!
//! | attribute | what it is for |
//! | --- | --- |
//! | `#[ftmb::shared]` on the struct | its locks become tracked ones with the same methods, its maps remember what changed |
//! | `#[ftmb(config)]` on a field | does not change while packets flow, so it is not tracked: the same in every process |
//! | `#[ftmb::middlebox]` on each `impl` | the code that constructs and uses the struct |
//! | `#[ftmb::state]` on keys and entries | plain data that can be saved and restored |
//!
//! # What is shared, and what is logged
//!
//! Packets of a flow may arrive on two cores, one for each direction, so the tables are shared. A packet of a known flow
//! takes one shared lock once: `flows` on its way out, `reverse` on its way in. That is one word of 64 bits in the
//! log, which says that this core read the table after its n-th change. A new flow takes three exclusive locks, which is
//! a few words. Counters cost nothing: additions commute.
//!
//! Timeouts need to know when a flow was last used, and writing that down takes an exclusive lock. So it is done only
//! if the entry is older than a second, or if the packet changes the state of a TCP connection. The time is the packet's
//! arrival, a part of the input, so it is not logged either. Each direction keeps its own half of the flow's state,
//! with its own time and TCP flags, so that no packet needs both tables.
//!
//! Fragments are the exception: all of a packet come to one core, but not to that of their flow, so each takes an exclusive
//! lock. A fragment that waits is state like any other, its bytes included: it leaves after a crash as it would have before.
//!
//! The first core looks for flows to forget, at each tick a bounded share of the public ports.
//!
//! # What kind of NAT this is
//!
//! - A public port belongs to one flow: mapping and filtering depend on the remote address and port, so nobody can send
//!   through the NAT but the host that the flow goes to. RFC 4787 calls this behavior symmetric; it is the
//!   strictest, and applications that rely on hole punching find it hard.
//! - Public ports are given out in turn, the one that has been free for the longest time first, or at random
//!   (`port_allocation = "random"`): the draws come from the core's own generator, whose state is part of every checkpoint, so
//!   they are repeated after a crash and cost no word in the log.
//! - Timeouts are those of RFC 5382, 4787 and 5508. A TCP connection begins with a SYN from inside; one in its middle is
//!   not taken up. Closed connections keep their port for four minutes; where thousands come and go each second, 64 thousand
//!   ports want `tcp_closed_timeout = 5` and `sweep_ticks = 10` (of 100 ms).
//! - ICMP errors are translated together with the packet they quote (RFC 5508).
//! - Checksums are updated, not recomputed (RFC 1624); a UDP datagram without one stays without.
//! - Fragments are translated one by one, not put together: later ones have no ports and follow the first one, and those that
//!   overtake it wait for it, at most for `fragment_timeout`. Identifications stay.
//! - Dropped and counted: malformed packets, and fragments that would change the header of the first; IPv4 that has no ports. No
//!   hairpinning, no application-level gateways.
//!
//! # Where it sits
//!
//! The NAT is a bump in the wire: two interfaces, no addresses of its own but `public`, and hosts on both sides that take
//! the other side for the same Ethernet. Ethernet headers, VLAN tags and the time to live stay. What is not IPv4 passes as
//! it is, ARP above all, so hosts find each other through the NAT (`pass_other = false` stops all but ARP).
//!
//! ```text
//! client 10.0.0.2/24 ───inside┤ NAT ├outside─── server 10.0.0.3/24, or a router to everywhere
//! ```
//!
//! | the client reaches its remote | because |
//! | --- | --- |
//! | on its own network | its ARP request passes, and so does the answer |
//! | over a default route | the same, for the router's address, which is outside |
//!
//! What leaves comes from `public`, so the outside must find its way back:
//!
//! | whoever is next to the NAT outside | because |
//! | --- | --- |
//! | has `public` on its own network (`public` is a free address of it) | the NAT answers ARP requests for it |
//! | has a route to it on the link (`ip route add 198.51.100.1 dev eth0`) | the same |
//! | has a route to it over the one host, or the router, that is inside | that one's Ethernet address stays |
//!
//! The answer names an Ethernet address of the NAT's own (`mac`; by default `02:4e` and the four bytes of `public`). What
//! comes in to that is sent on to the host that opened the flow, or the router it is behind, whose address was learned from
//! the frame that opened it, and is learned again, once a second at most, from those that follow. The NAT itself need not
//! remember more than that, and looks at no table more than before.
//!
//! Each `public` is for one NAT; two on one network need two. Nobody answers for `public` inside.

mod middlebox;
mod scenario;
#[cfg(test)]
mod tests;
#[path = "../traffic/mod.rs"]
mod traffic;

use ftmb::prelude::*;
use middlebox::{Nat, NatConfig};

/// What `demo` sends: with fragments that come out translated.
type NatScenario = scenario::Traffic<true>;

fn main() -> ftmb::Result<()> {
    App::new("nat", |config: NatConfig, ports: &Ports| {
        Ok(Nat::new(config.checked()?, ports.id("inside")?, ports.id("outside")?))
    })
    .scenario(NatScenario::default())
    .run()
}
