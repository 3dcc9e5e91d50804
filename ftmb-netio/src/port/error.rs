//! What can go wrong at a port.
//!
//! Invariant: an error names the file or the interface, what was expected there, what was found, and what to do if it is the
//! operator's to do.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use ftmb_runtime::log::LogError;
use thiserror::Error;

use crate::uring::EngineError;

/// Which part of a capture file ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncated {
    /// The header of the file.
    FileHeader,
    /// The header of a record.
    RecordHeader,
    /// The bytes of a record.
    Record,
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Truncated::FileHeader => "file header",
            Truncated::RecordHeader => "record header",
            Truncated::Record => "record",
        })
    }
}

/// Why a port cannot be opened, or cannot go on.
///
/// ```
/// use ftmb_netio::port::pcap::{PcapOptions, PcapPort};
/// use ftmb_netio::port::{PcapSpec, PortError};
/// use ftmb_runtime::packet::PortId;
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("in.pcapng");
/// std::fs::write(&path, 0x0a0d_0d0a_u32.to_le_bytes().repeat(8))?;
/// let error = PcapPort::open(PortId(0), &PcapSpec::reading(&path), &PcapOptions::default()).unwrap_err();
/// assert!(matches!(error, PortError::PcapNg { .. }));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PortError {
    /// The log behind a memory port.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system refuses an operation on a file.
    #[error("cannot {doing} {} at offset {offset}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// What was tried, a verb.
        doing: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// No engine to read or write the file or the interface with.
    #[error("no engine to read or write {}", path.display())]
    Engine {
        /// The file or the interface.
        path: PathBuf,
        /// Why not.
        #[source]
        source: EngineError,
    },
    /// A capture must be a regular file: it is read and written by position.
    #[error("{} is {found}, expected a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// Somebody else writes this file, or reads it while this port wants to write it.
    #[error("{} is used by another port or another group", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is a pcapng capture, which this port does not read.
    #[error(
        "{} is a pcapng capture (block type {:#010x} at offset 0), expected classic pcap: convert it with \
         `editcap -F nsecpcap IN OUT`",
        path.display(), super::pcap::PCAPNG
    )]
    PcapNg {
        /// The file.
        path: PathBuf,
    },
    /// The file does not start like a capture.
    #[error(
        "{} is not a pcap capture: magic {found:#010x} at offset 0, expected 0xa1b2c3d4 or 0xa1b23c4d in either byte \
         order", path.display()
    )]
    Magic {
        /// The file.
        path: PathBuf,
        /// The first four bytes, read as little endian.
        found: u32,
    },
    /// A version of the format that this port does not read.
    #[error("{}: pcap version {}.{} at offset 4, expected 2.4", path.display(), found.0, found.1)]
    Version {
        /// The file.
        path: PathBuf,
        /// Major and minor version.
        found: (u16, u16),
    },
    /// Frames of another kind than Ethernet's, or Ethernet's with its check sequence.
    #[error("{}: link type {found:#x} at offset 20, expected 0x1 (ethernet)", path.display())]
    LinkType {
        /// The file.
        path: PathBuf,
        /// The link type field of the file header.
        found: u32,
    },
    /// A record says that it is longer than a frame can be, or than the capture's own limit.
    #[error("{}: record of {found} bytes at offset {offset}, expected at most {limit}", path.display())]
    RecordTooLong {
        /// The file.
        path: PathBuf,
        /// Where the record's header starts, in bytes.
        offset: u64,
        /// The smaller of the snap length in the file header and [`MAX_FRAME`](super::MAX_FRAME), in bytes.
        limit: u32,
        /// The length that the record claims, in bytes.
        found: u32,
    },
    /// The file ends within a header or a record.
    #[error("{}: {part} at offset {offset} is cut short: {found} bytes, expected {expected}", path.display())]
    CutShort {
        /// The file.
        path: PathBuf,
        /// What is cut.
        part: Truncated,
        /// Where that part starts, in bytes.
        offset: u64,
        /// Its length, in bytes.
        expected: u64,
        /// What the file has of it, in bytes.
        found: u64,
    },
    /// The file has become shorter since it was opened.
    #[error("{}: the file shrank while it was read: it ends at {found}, expected {expected} bytes", path.display())]
    Shrank {
        /// The file.
        path: PathBuf,
        /// Its length when it was opened, in bytes.
        expected: u64,
        /// Its length now, in bytes.
        found: u64,
    },
    /// More frames of this file have been stamped than it holds: it is not the file it was.
    #[error("{}: resuming at frame {expected}, but the file has only {found}: it was replaced or cut", path.display())]
    ResumePastEnd {
        /// The file.
        path: PathBuf,
        /// The position to continue at.
        expected: u64,
        /// How many frames there are.
        found: u64,
    },
    /// The file to continue was not written by such a port.
    #[error(
        "cannot continue {}: its header differs at offset {offset} from the one that this port writes: {found:#04x}, \
         expected {expected:#04x}", path.display()
    )]
    ForeignOutput {
        /// The file.
        path: PathBuf,
        /// The first byte that differs.
        offset: u64,
        /// What this port writes there.
        expected: u8,
        /// What is there.
        found: u8,
    },
    /// There is no such interface.
    #[error("there is no interface `{interface}` in this network namespace (`ip link` lists those that there are)")]
    NoInterface {
        /// Its name.
        interface: String,
    },
    /// This process may not do that.
    #[error(
        "no permission to {doing} {interface}: run as root, or give the program the capabilities CAP_NET_RAW and \
         CAP_NET_ADMIN (systemd: AmbientCapabilities; docker: --cap-add)"
    )]
    Permission {
        /// The interface.
        interface: String,
        /// What was tried.
        doing: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Its frames are not Ethernet's.
    #[error(
        "{interface} is of hardware type {found}, expected 1 (ethernet): tunnels without ethernet frames cannot be ports"
    )]
    NotEthernet {
        /// The interface.
        interface: String,
        /// Its hardware type, as in ARP.
        found: u16,
    },
    /// Its frames may be longer than a group takes.
    #[error("{interface} has an MTU of {found}, expected at most {limit} (`ip link set {interface} mtu {limit}`)")]
    Mtu {
        /// The interface.
        interface: String,
        /// Its MTU, in bytes.
        found: u32,
        /// The largest that is possible, in bytes.
        limit: u32,
    },
    /// The interface has been deleted, or has moved to another network namespace.
    #[error("interface {interface} is gone: it was deleted or moved to another network namespace")]
    InterfaceGone {
        /// Its name.
        interface: String,
    },
    /// This kernel, or this container, has no tap interfaces.
    #[error(
        "cannot make the tap interface {interface}: there is no /dev/net/tun (`modprobe tun`; docker: --device /dev/net/tun)"
    )]
    NoTaps {
        /// The interface.
        interface: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// An interface of this name exists, and is no tap interface.
    #[error(
        "interface {interface} exists and is no tap interface: choose another name, or delete it \
         (`ip link delete {interface}`)"
    )]
    NotATap {
        /// The interface.
        interface: String,
    },
    /// Another process is attached to this tap interface.
    #[error("the tap interface {interface} is used by another process, and has room for one")]
    InterfaceInUse {
        /// The interface.
        interface: String,
    },
    /// Another socket is bound to the address of a tunnel.
    #[error(
        "the UDP address {local} is used by somebody else (`ss -lunp` shows who; a `vxlan` interface of the kernel does not \
         show there)"
    )]
    AddressInUse {
        /// The address.
        local: SocketAddr,
    },
    /// This host does not have the address of a tunnel.
    #[error("this host does not have the address {local} (`ip addr` shows those that it has)")]
    NoAddress {
        /// The address.
        local: SocketAddr,
    },
    /// The operating system refuses an operation on a tunnel.
    #[error("cannot {doing} the tunnel {local}")]
    Tunnel {
        /// The address of its end here.
        local: SocketAddr,
        /// What was tried.
        doing: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The operating system refuses an operation on an interface.
    #[error("cannot {doing} {interface}")]
    Interface {
        /// The interface.
        interface: String,
        /// What was tried.
        doing: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A frame that is too long to be recorded.
    #[error("frame of {found} bytes to {}, expected at most {limit}", path.display())]
    FrameTooLong {
        /// The file.
        path: PathBuf,
        /// The snap length of the file, in bytes; well above [`MAX_FRAME`](super::MAX_FRAME) and the room that a packet may grow by.
        limit: u32,
        /// The frame's length, in bytes.
        found: usize,
    },
}
