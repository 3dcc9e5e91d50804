//! The kernel as the box: what operators have today, and what the tests' own instruments are tried on.
//!
//! Invariant: everything is in the box's namespace (and for conntrackd in a second one, of the host that would take over).

use super::process::Process;
use super::{Lab, Namespace, Plan, Wire, lab};

/// What the kernel of the box does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Forwards, and changes no address.
    Router,
    /// Translates, with random ports.
    Masquerade,
    /// The same, and conntrackd copies the state to another namespace (FTFW, its reliable mode).
    Conntrackd,
}

/// A kernel that does it; dropped, it goes on doing it until the lab ends.
#[derive(Debug)]
pub(crate) struct KernelBox {
    /// The two daemons, and the namespace of the second one.
    copies: Option<(Process, Process, Namespace)>,
}

impl Kernel {
    /// Programs that it needs.
    pub(crate) fn needs(self) -> &'static [&'static str] {
        match self {
            Kernel::Router => &[],
            Kernel::Masquerade => &["nft"],
            Kernel::Conntrackd => &["nft", "conntrackd", "conntrack"],
        }
    }

    /// Switches it on in a lab.
    ///
    /// # Panics
    ///
    /// If the lab is not one for routers.
    pub(crate) fn start(self, lab: &Lab) -> KernelBox {
        assert_eq!(lab.plan().wire, Wire::Routed, "a kernel routes");
        let middle = &lab.middle;
        middle.set("net/ipv4/ip_forward", "1");
        middle.set("net/ipv4/conf/all/send_redirects", "0");
        if self == Kernel::Router {
            return KernelBox { copies: None };
        }
        let rules = lab.directory().join("nat.nft");
        let text = "table ip nat {\n  chain post {\n    type nat hook postrouting priority srcnat;\n    \
                    oifname \"outside\" masquerade random\n  }\n}\n";
        std::fs::write(&rules, text).expect("the lab's directory can be written");
        middle.sh(&format!("nft -f {}", rules.display()));
        // Else storms of a few seconds fill the table with connections that have ended.
        middle.set("net/netfilter/nf_conntrack_tcp_timeout_time_wait", "5");
        KernelBox { copies: (self == Kernel::Conntrackd).then(|| conntrackd(lab)) }
    }
}

impl KernelBox {
    /// How many connections the second host knows; `None`: there is none.
    pub(crate) fn copied(&self, lab: &Lab) -> Option<u64> {
        self.copies.as_ref()?;
        let config = lab.directory().join("backup.conf");
        let output = lab.middle.try_sh(&format!("conntrackd -C {} -e ct | wc -l", config.display()));
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    }
}

fn conntrackd(lab: &Lab) -> (Process, Process, Namespace) {
    let backup = Namespace::new("backup");
    let middle = lab.middle.path();
    backup.sh(&format!("ip link add sync type veth peer name sync netns {middle}"));
    let mut daemons = Vec::new();
    for (namespace, name, own, other) in [(&backup, "backup", 2, 1), (&lab.middle, "active", 1, 2)] {
        namespace.sh(&format!("ip addr add 192.168.250.{own}/24 dev sync && ip link set sync up"));
        let config = lab.directory().join(format!("{name}.conf"));
        let files = lab.directory().join(name);
        std::fs::write(&config, configuration(&files.to_string_lossy(), own, other)).expect("can be written");
        let arguments = ["conntrackd", "-C", &config.to_string_lossy()].map(str::to_owned);
        let mut daemon = Process::start(namespace, lab.directory(), arguments);
        let socket = files.with_extension("ctl");
        daemon.until("its socket", |_| socket.exists());
        daemons.push(daemon);
    }
    let active = daemons.pop().expect("two");
    (active, daemons.pop().expect("two"), backup)
}

/// conntrackd's own example for FTFW, with addresses, paths and sizes of the lab.
fn configuration(files: &str, own: u8, other: u8) -> String {
    let (inside, outside) = (lab::INSIDE, lab::OUTSIDE);
    format!(
        "Sync {{
    Mode FTFW {{
        DisableExternalCache off
    }}
    UDP {{
        IPv4_address 192.168.250.{own}
        IPv4_Destination_Address 192.168.250.{other}
        Port 3780
        Interface sync
        SndSocketBuffer 8388608
        RcvSocketBuffer 8388608
        Checksum on
    }}
}}
General {{
    HashSize 65536
    HashLimit 524288
    LogFile {files}.log
    Syslog off
    LockFile {files}.lock
    UNIX {{
        Path {files}.ctl
    }}
    NetlinkBufferSize 8388608
    NetlinkBufferSizeMaxGrowth 67108864
    Filter From Userspace {{
        Protocol Accept {{
            TCP
            UDP
        }}
        Address Ignore {{
            IPv4_address 127.0.0.1
            IPv4_address 192.168.250.{own}
            IPv4_address 192.168.250.{other}
            IPv4_address {inside}
        }}
    }}
}}
# outside is {outside}, which must be copied: translated connections have it
"
    )
}

/// A lab for a kernel.
pub(crate) fn lab(offloads: bool) -> Lab {
    Lab::build(Plan { wire: Wire::Routed, offloads, ..Plan::default() })
}
