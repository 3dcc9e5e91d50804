//! Client, box and server, joined.
//!
//! Invariant: the same addresses in every lab, whatever the box is:
//!
//! ```text
//!  client            box inside         box outside           server
//!  10.1.0.1 .. .n    10.1.0.254         203.0.113.254         203.0.113.2
//!  fd00:1::1                                                  fd00:1::2      (both on one link, as a transparent box has it)
//!  02:..:01          02:..:02           02:..:03              02:..:04
//! ```
//!
//! A router has the addresses in the middle. A box that is a bump in the wire, which leaves Ethernet headers as they are and does
//! not answer ARP, has none: client and server have fixed neighbour entries, which then name each other's interface.

use std::path::Path;

use tempfile::TempDir;

use super::{Namespace, leftovers};

/// The client's first address.
pub(crate) const CLIENT: &str = "10.1.0.1";
/// Where the client sends what is not for its own network.
pub(crate) const INSIDE: &str = "10.1.0.254";
/// The address that the server sees of a NAT.
pub(crate) const OUTSIDE: &str = "203.0.113.254";
/// The server's.
pub(crate) const SERVER: &str = "203.0.113.2";

/// What the box does with Ethernet headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// It writes new ones, as a router does.
    Routed,
    /// It leaves them alone.
    Transparent,
}

/// Whose interfaces have one CPU each that takes frames from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steering {
    /// A frame is taken by the CPU that sent it: the shortest way.
    Nobody,
    /// Those of the box.
    Box,
    /// All.
    Everybody,
}

/// What a lab is to be like.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What the box is to its neighbours.
    pub(crate) wire: Wire,
    /// Of all interfaces.
    pub(crate) mtu: u32,
    /// Whether interfaces may be handed frames beyond the MTU and checksums still to be computed.
    pub(crate) offloads: bool,
    /// How many addresses the client has.
    pub(crate) clients: u8,
    /// Whether there is IPv6 at all.
    pub(crate) ipv6: bool,
    /// Which interfaces have a CPU of their own.
    pub(crate) steering: Steering,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { wire: Wire::Routed, mtu: 1500, offloads: true, clients: 1, ipv6: false, steering: Steering::Box }
    }
}

/// The three namespaces, and a directory for files.
#[derive(Debug)]
pub(crate) struct Lab {
    /// Interface `eth0`.
    pub(crate) client: Namespace,
    /// Interfaces `inside` and `outside`.
    pub(crate) middle: Namespace,
    /// Interface `eth0`.
    pub(crate) server: Namespace,
    plan: Plan,
    directory: TempDir,
}

impl Lab {
    /// Builds it.
    ///
    /// # Panics
    ///
    /// With what a command said if it fails: `super::possible` says beforehand whether there can be a lab.
    pub(crate) fn build(plan: Plan) -> Lab {
        let directory = leftovers::directory();
        let (client, middle, server) = (Namespace::new("client"), Namespace::new("box"), Namespace::new("server"));
        for namespace in [&client, &middle, &server] {
            namespace.set("net/ipv6/conf/all/disable_ipv6", if plan.ipv6 { "0" } else { "1" });
            namespace.set("net/ipv6/conf/default/disable_ipv6", if plan.ipv6 { "0" } else { "1" });
        }
        for end in [&client, &server] {
            // No connection is to profit from what an earlier one has learnt.
            end.set("net/ipv4/tcp_no_metrics_save", "1");
            end.set("net/ipv4/ip_local_port_range", "10000 65000");
            end.set("net/ipv4/tcp_max_syn_backlog", "8192");
            end.set("net/core/somaxconn", "8192");
        }
        let lab = Lab { client, middle, server, plan, directory };
        lab.join();
        lab.address();
        lab
    }

    fn join(&self) {
        let Plan { mtu, offloads, .. } = self.plan;
        for (namespace, inner, number) in [(&self.client, "inside", 1), (&self.server, "outside", 4)] {
            let (near, far) = (mac(number), mac(if number == 1 { 2 } else { 3 }));
            let middle = self.middle.path();
            namespace.sh(&format!(
                "ip link add eth0 address {near} mtu {mtu} type veth peer name {inner} address {far} mtu {mtu} netns {middle}"
            ));
        }
        for (namespace, interface) in self.interfaces() {
            if !offloads {
                namespace.sh(&format!("ethtool -K {interface} tx off tso off gso off gro off"));
            }
            namespace.sh(&format!("ip link set {interface} up"));
        }
        self.steer();
    }

    /// Both CPUs take frames from a veth pair otherwise, and frames of one flow overtake each other.
    fn steer(&self) {
        let last = std::thread::available_parallelism().map_or(1, usize::from).min(32) - 1;
        for (namespace, interface) in self.interfaces() {
            let ours = match self.plan.steering {
                Steering::Nobody => false,
                Steering::Box => namespace.name() == "box",
                Steering::Everybody => true,
            };
            let cpu = if interface == "outside" || namespace.name() == "server" { last } else { 0 };
            let queue = format!("/sys/class/net/{interface}/queues/rx-0/rps_cpus");
            if ours {
                // A sysfs of its own: the one that is mounted shows the interfaces of another namespace.
                let line = format!("mount -t sysfs sysfs /sys && echo {:x} > {queue}", 1_u64 << cpu);
                namespace.sh(&format!("unshare --mount sh -c '{line}'"));
            }
        }
    }

    fn address(&self) {
        let (client, server) = match self.plan.wire {
            Wire::Routed => (2, 3),
            Wire::Transparent => (4, 1),
        };
        for number in 1..=self.plan.clients {
            self.client.sh(&format!("ip addr add 10.1.0.{number}/24 dev eth0"));
        }
        self.client.sh(&format!("ip route add default via {INSIDE} src {CLIENT}"));
        self.client.sh(&format!("ip neigh replace {INSIDE} lladdr {} nud permanent dev eth0", mac(client)));
        self.server.sh(&format!("ip addr add {SERVER}/24 dev eth0"));
        self.server.sh(&format!("ip neigh replace {OUTSIDE} lladdr {} nud permanent dev eth0", mac(server)));
        self.server.sh(&format!("ip route add default via {OUTSIDE}"));
        if self.plan.ipv6 {
            for (namespace, number, other, far) in [(&self.client, 1, 2, 4), (&self.server, 2, 1, 1)] {
                namespace.sh(&format!("ip addr add fd00:1::{number}/64 dev eth0 nodad"));
                let far = mac(far);
                namespace.sh(&format!("ip neigh replace fd00:1::{other} lladdr {far} nud permanent dev eth0"));
            }
        }
        if self.plan.wire == Wire::Routed {
            self.middle.sh(&format!("ip addr add {INSIDE}/24 dev inside && ip addr add {OUTSIDE}/24 dev outside"));
            self.middle.sh(&format!("ip neigh replace {SERVER} lladdr {} nud permanent dev outside", mac(4)));
            for number in 1..=self.plan.clients {
                let line = format!("ip neigh replace 10.1.0.{number} lladdr {} nud permanent dev inside", mac(1));
                self.middle.sh(&line);
            }
        }
    }

    /// All four ends of wires.
    pub(crate) fn interfaces(&self) -> [(&Namespace, &'static str); 4] {
        [(&self.client, "eth0"), (&self.middle, "inside"), (&self.middle, "outside"), (&self.server, "eth0")]
    }

    /// What it is like.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Room for files, removed with the lab.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// The address of an interface: 1 client, 2 inside, 3 outside, 4 server.
pub(crate) fn mac(number: u8) -> String {
    format!("02:00:00:00:00:{number:02x}")
}
