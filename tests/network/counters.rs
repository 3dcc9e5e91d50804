//! What a kernel has counted.
//!
//! Invariant: a counter has the name that `nstat` gives it, such as `TcpRetransSegs` or `TcpExtTCPLossProbes`, and is absent only
//! if this kernel does not have it.

use std::collections::BTreeMap;

use super::Namespace;

/// The counters of a namespace at one moment, or what they have grown by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Reads them all.
    pub(crate) fn of(namespace: &Namespace) -> Counters {
        // Of the thread, since /proc/net is that of the process.
        let read = |file: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{file}"));
        let (snmp, netstat) = namespace.run(|| (read("snmp"), read("netstat")));
        let mut counters = BTreeMap::new();
        for text in [snmp, netstat].map(|text| text.expect("the kernel shows its counters")) {
            // Two lines each: names, then values, both behind "Group:".
            let lines: Vec<&str> = text.lines().collect();
            for pair in lines.chunks_exact(2) {
                let (group, names) = pair[0].split_once(':').expect("a group's names");
                let (_, values) = pair[1].split_once(':').expect("a group's values");
                for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
                    counters.insert(format!("{group}{name}"), value.parse().unwrap_or(0));
                }
            }
        }
        Counters(counters)
    }

    /// One of them; 0 if this kernel does not have it.
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// What has been added since then.
    pub(crate) fn since(&self, before: &Counters) -> Counters {
        let added = |(name, value): (&String, &u64)| (name.clone(), value.saturating_sub(before.get(name)));
        Counters(self.0.iter().map(added).collect())
    }

    /// What says how TCP fared, in few words; what is 0 is left out.
    pub(crate) fn congestion(&self) -> BTreeMap<&'static str, u64> {
        CONGESTION.iter().map(|&name| (name, self.get(name))).filter(|&(_, value)| value > 0).collect()
    }
}

/// Frames that this machine's kernel has dropped on their way from one interface to the next, because a CPU had too many waiting.
pub(crate) fn backlog_drops() -> u64 {
    let text = std::fs::read_to_string("/proc/net/softnet_stat").expect("the kernel shows its counters");
    let dropped = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
    text.lines().filter_map(dropped).sum()
}

/// What is 0 in a connection that nothing happens to.
pub(crate) const CONGESTION: [&str; 14] = [
    "TcpRetransSegs",
    "TcpExtTCPTimeouts",
    "TcpExtTCPSpuriousRTOs",
    "TcpExtTCPLossProbes",
    "TcpExtTCPLossProbeRecovery",
    "TcpExtTCPFastRetrans",
    "TcpExtTCPSlowStartRetrans",
    "TcpExtTCPLostRetransmit",
    "TcpExtTCPSackRecovery",
    "TcpExtTCPLossUndo",
    "TcpExtTCPFullUndo",
    "TcpExtTCPDSACKRecv",
    "TcpExtTCPSACKReorder",
    "TcpExtTCPOFOQueue",
];

/// One TCP connection, as its sender's kernel sees it (`ss -ti`).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Flow {
    /// Segments.
    pub(crate) window: u64,
    /// Slow start's threshold; `None`: it has never been reduced to one.
    pub(crate) threshold: Option<u64>,
    /// ms.
    pub(crate) timeout: f64,
    /// Timeouts in a row, now.
    pub(crate) backoff: u64,
    /// Segments retransmitted in its life.
    pub(crate) retransmitted: u64,
    /// Bytes acknowledged.
    pub(crate) acknowledged: u64,
}

impl Flow {
    /// The established flows of a namespace that a filter of `ss` selects, such as `dport = :5201`.
    pub(crate) fn all(namespace: &Namespace, filter: &str) -> Vec<Flow> {
        let text =
            namespace.sh(&format!("ss --tcp --info --no-header --oneline --numeric state established '( {filter} )'"));
        text.lines().map(Flow::parse).collect()
    }

    fn parse(line: &str) -> Flow {
        let word = |name: &str| {
            line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix(':')).map(str::to_owned)
        };
        let number = |name: &str| word(name).and_then(|text| text.parse().ok());
        Flow {
            window: number("cwnd").unwrap_or(0),
            threshold: number("ssthresh"),
            timeout: word("rto").and_then(|text| text.parse().ok()).unwrap_or(0.0),
            backoff: number("backoff").unwrap_or(0),
            // "retrans:now/ever"
            retransmitted: word("retrans").and_then(|text| text.split('/').nth(1)?.parse().ok()).unwrap_or(0),
            acknowledged: number("bytes_acked").unwrap_or(0),
        }
    }
}
