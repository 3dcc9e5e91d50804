//! Why a command could not do what it was asked. Invariant: the message says which group, and what was expected of it.

use std::path::PathBuf;
use std::time::Duration;

/// Why a command failed.
///
/// ```
/// let error = ftmb::CommandError::NoGroup { path: "/dev/shm/ftmb-0/nat".into() };
/// assert_eq!(error.to_string(), "/dev/shm/ftmb-0/nat: no group runs here");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No group of this name is there.
    #[error("{}: no group runs here", path.display())]
    NoGroup {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Whether there is one cannot be seen: groups belong to the user who started them.
    #[error("{}: cannot look for a group here", path.display())]
    Hidden {
        /// Where.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// Several groups are there, and none was named.
    #[error("{}: several groups run here, name one by --instance: {}", root.display(), names.join(", "))]
    WhichGroup {
        /// Where they are.
        root: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// No port has this name.
    #[error(transparent)]
    Port(#[from] ftmb_runtime::packet::PortError),
    /// A group without ports.
    #[error("no ports: expected --port NAME=KIND:... or [ports.NAME] in the configuration file")]
    NoPorts,
    /// A port of a kind that only `demo` can serve.
    #[error("port `{name}`: ports of kind `memory` belong to `demo`, expected another kind for `up`")]
    MemoryPort {
        /// The port.
        name: String,
    },
    /// A configuration that is well-formed and cannot work, for several reasons.
    #[error("the configuration cannot work, for {} reasons:\n{}", reasons.len(), list(reasons))]
    Configuration {
        /// Why; each names what it is about.
        reasons: Vec<crate::Error>,
    },
    /// A file that a port is to write has no directory.
    #[error("port `{name}`: {}: expected a directory that can be written to", directory.display())]
    OutputDirectory {
        /// The port.
        name: String,
        /// The directory.
        directory: PathBuf,
        /// The reason.
        #[source]
        source: Box<ftmb_netio::Error>,
    },
    /// A port cannot be opened.
    #[error("port `{name}`")]
    OpenPort {
        /// The port.
        name: String,
        /// The reason.
        #[source]
        source: Box<ftmb_netio::port::PortError>,
    },
    /// Nobody can be answered at the address for metrics.
    #[error("metrics: expected an address of this host with a free port, found {address}")]
    Metrics {
        /// The address.
        address: std::net::SocketAddr,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The gateway process ended, and starting it again does not help.
    #[error("the gateway ended with {how}, failure {failures} in a row; its output says why")]
    Gateway {
        /// How it ended last.
        how: String,
        /// How often it ended like this.
        failures: u64,
    },
    /// The group cannot go on.
    #[error("the group has ended: {why}; the output above says more")]
    Ended {
        /// Why.
        why: &'static str,
    },
    /// Something did not happen in time.
    #[error("waited {} s in vain for {what}", waited.as_secs())]
    Timeout {
        /// For what.
        what: &'static str,
        /// How long.
        waited: Duration,
    },
    /// The command was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The middlebox refused a control request.
    #[error("the middlebox refuses: {reason}")]
    Refused {
        /// Its own words.
        reason: String,
    },
    /// A file is not one of a group.
    #[error("{}: expected a log or a group record, found magic {found:#018x}", path.display())]
    NotALog {
        /// The file.
        path: PathBuf,
        /// Its first 8 bytes.
        found: u64,
    },
    /// A log of a kind that this build does not know.
    #[error("{}: at byte 12: expected a kind of log from 1 to 5, found {found}", path.display())]
    LogKind {
        /// The file.
        path: PathBuf,
        /// The kind.
        found: u32,
    },
    /// A frame does not hold what frames of its log hold.
    #[error("{}: position {position}: expected a header of {expected} bytes and its packet, found {found} bytes", path.display())]
    ShortFrame {
        /// The file.
        path: PathBuf,
        /// Where the frame starts.
        position: u64,
        /// Bytes of the header.
        expected: usize,
        /// Bytes of the frame's payload.
        found: usize,
    },
    /// `demo` saw what must never be seen.
    #[error("{lost} packets lost, {duplicated} duplicated, {contradicted} contradicted; expected none")]
    Broken {
        /// Packets that should have come out and did not.
        lost: u64,
        /// Packets that came out twice.
        duplicated: u64,
        /// Packets that should not have come out like this.
        contradicted: u64,
    },
    /// An option names a port that the recorded group did not have.
    #[error("--out {name}: the recorded group has no port of this name")]
    NoSuchPort {
        /// The name.
        name: String,
    },
    /// An option of a replay names a port that reads.
    #[error("--out {name}: expected {name}=pcap::FILE: what was recorded comes from the journal")]
    NotAnOutput {
        /// The name.
        name: String,
    },
    /// What was recorded does not come out again as it was.
    #[error(
        "checkpoint {from} to {}: core {core}: expected output {} with hash {:#018x}, found output {} with hash {:#018x}; the \
         middlebox is not deterministic", to.map_or_else(|| "the end".into(), |to| to.to_string()), expected.0, expected.1, found.0, found.1
    )]
    Different {
        /// The checkpoint that it was run again from.
        from: u64,
        /// The one at which it differs; `None`: behind the last one.
        to: Option<u64>,
        /// The core.
        core: usize,
        /// Its last output and the hash up to it, as recorded.
        expected: (u64, u64),
        /// As made again.
        found: (u64, u64),
    },
    /// A capture cannot be written.
    #[error("{}: the capture cannot be written", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The operating system refused a step.
    #[error("{step} failed")]
    Io {
        /// What was tried.
        step: &'static str,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
}

/// One a line.
fn list(reasons: &[crate::Error]) -> String {
    reasons.iter().map(|reason| format!("  {reason:?}")).collect::<Vec<_>>().join("\n")
}

impl CommandError {
    pub(crate) fn io(step: &'static str) -> impl FnOnce(std::io::Error) -> CommandError {
        move |source| CommandError::Io { step, source }
    }
}
