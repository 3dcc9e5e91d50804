//! What the examples need to know of a frame: where its headers are, and who talks to whom.
//!
//! Invariant: the offsets of a [`Head`] lie within the frame it was read from, so that `rewrite` need not look again.
#![allow(dead_code, reason = "each example uses what it needs")]

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
};

use etherparse::{
    EtherType, Ethernet2HeaderSlice, Icmpv4Slice, IpNumber, Ipv4HeaderSlice, SingleVlanHeaderSlice, TcpHeaderSlice,
    UdpHeaderSlice, checksum::Sum16BitWords, icmpv4,
};

mod checksum;
pub(crate) mod fragment;
pub(crate) mod rewrite;

/// In the flags of a TCP segment: it opens.
pub(crate) const SYN: u8 = 1;
/// It closes one direction.
pub(crate) const FIN: u8 = 2;
/// It ends the connection at once.
pub(crate) const RST: u8 = 4;
/// It acknowledges something.
pub(crate) const ACK: u8 = 8;

/// The protocols that have ports, or something in their place.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    /// ICMP echo; its identifier takes the place of the port of the side that asks, the other side's port is 0.
    Echo,
}

impl Protocol {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Echo];
}

/// An address and a port (or echo identifier).
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
}

impl Endpoint {
    /// All of it in 48 bits, for hashing.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        (u64::from(self.address.to_bits()) << 16) | u64::from(self.port)
    }
}

impl From<SocketAddrV4> for Endpoint {
    fn from(from: SocketAddrV4) -> Self {
        Self { address: *from.ip(), port: from.port() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address, self.port)
    }
}

/// The headers of one IPv4 packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// Offset of the IPv4 header.
    pub(crate) network: usize,
    /// Offset of the transport header.
    pub(crate) transport: usize,
    /// Offset of the first byte after the packet; what follows is padding.
    pub(crate) end: usize,
    pub(crate) protocol: Protocol,
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    /// Whether the packet may open a flow: a TCP SYN, any UDP datagram, an echo request.
    pub(crate) opens: bool,
    /// For TCP, what it says of the connection's state: [`SYN`], [`FIN`], [`RST`], [`ACK`].
    pub(crate) flags: u8,
}

impl Head {
    /// Whether this is the first packet of a TCP connection.
    #[inline]
    pub(crate) fn is_syn(&self) -> bool {
        self.opens && self.protocol == Protocol::Tcp
    }
}

/// A packet that can be told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View {
    /// A packet of a flow.
    Flow(Head),
    /// An ICMP error about a packet of a flow; the offsets of `about` are those of the quoted packet.
    Error { network: usize, transport: usize, end: usize, about: Head },
}

/// Why a frame is none of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A question or answer about who has an IPv4 address.
    Arp,
    /// Neither that nor IPv4.
    Foreign,
    /// IPv4 that carries a protocol without ports.
    Unsupported,
    /// A fragment, the first included, whose ports are those of all the others: see [`fragment`].
    Fragment,
    /// Lengths that contradict each other, or a wrong IPv4 checksum.
    Malformed,
}

/// Reads the headers of an Ethernet frame; VLAN tags are skipped.
pub(crate) fn parse(frame: &[u8]) -> Result<View, Unfit> {
    let network = find_ipv4(frame)?;
    let (transport, end, ip) = ipv4(frame, network)?;
    if ip.is_fragmenting_payload() {
        return Err(Unfit::Fragment);
    }
    if ip.total_len() as usize > frame.len() - network || !is_sound(ip.slice()) {
        return Err(Unfit::Malformed);
    }
    if ip.protocol() == IpNumber::ICMP && is_error(&frame[transport..end]) {
        if !is_sound(&frame[transport..end]) {
            return Err(Unfit::Malformed);
        }
        let about = quoted(frame, transport + 8, end)?;
        return Ok(View::Error { network, transport, end, about });
    }
    Ok(View::Flow(carried(frame, &ip, (network, transport, end))?))
}

/// What an IPv4 packet, or the first fragment of one, carries.
#[inline]
fn carried(frame: &[u8], ip: &Ipv4HeaderSlice<'_>, at: (usize, usize, usize)) -> Result<Head, Unfit> {
    let segment = &frame[at.1..at.2];
    let (protocol, ports, opens, flags) = match ip.protocol() {
        IpNumber::TCP => {
            let tcp = TcpHeaderSlice::from_slice(segment).map_err(|_| Unfit::Malformed)?;
            let flag = |set, flag| if set { flag } else { 0 };
            let flags = flag(tcp.syn(), SYN) | flag(tcp.fin(), FIN) | flag(tcp.rst(), RST) | flag(tcp.ack(), ACK);
            let opens = flags == SYN;
            (Protocol::Tcp, (tcp.source_port(), tcp.destination_port()), opens, flags)
        }
        IpNumber::UDP => {
            let udp = UdpHeaderSlice::from_slice(segment).map_err(|_| Unfit::Malformed)?;
            // the first fragment of a datagram is shorter than the datagram says
            let longest = if ip.more_fragments() { usize::MAX } else { segment.len() };
            if !(8..=longest).contains(&usize::from(udp.length())) {
                return Err(Unfit::Malformed);
            }
            (Protocol::Udp, (udp.source_port(), udp.destination_port()), true, 0)
        }
        IpNumber::ICMP => {
            let (ports, asks) = echo(segment)?;
            (Protocol::Echo, ports, asks, 0)
        }
        _ => return Err(Unfit::Unsupported),
    };
    Ok(head(ip, at, protocol, ports, opens, flags))
}

/// The address that an IPv4 packet comes from, whatever it carries; VLAN tags are skipped.
#[inline]
pub(crate) fn source(frame: &[u8]) -> Option<Ipv4Addr> {
    let network = find_ipv4(frame).ok()?;
    Some(Ipv4HeaderSlice::from_slice(&frame[network..]).ok()?.source_addr())
}

/// The offset of the IPv4 header.
fn find_ipv4(frame: &[u8]) -> Result<usize, Unfit> {
    match content(frame)? {
        (EtherType::IPV4, at) => Ok(at),
        (EtherType::ARP, _) => Err(Unfit::Arp),
        _ => Err(Unfit::Foreign),
    }
}

/// What an Ethernet frame carries, and at which offset; VLAN tags are skipped.
#[inline]
pub(crate) fn content(frame: &[u8]) -> Result<(EtherType, usize), Unfit> {
    let ethernet = Ethernet2HeaderSlice::from_slice(frame).map_err(|_| Unfit::Malformed)?;
    let (mut kind, mut at) = (ethernet.ether_type(), ethernet.slice().len());
    while let EtherType::VLAN_TAGGED_FRAME | EtherType::PROVIDER_BRIDGING | EtherType::VLAN_DOUBLE_TAGGED_FRAME = kind {
        let tag = SingleVlanHeaderSlice::from_slice(&frame[at..]).map_err(|_| Unfit::Malformed)?;
        (kind, at) = (tag.ether_type(), at + tag.slice().len());
    }
    Ok((kind, at))
}

/// Where the transport header and the packet end, and the IPv4 header at `at`. A packet may claim to be longer than
/// what is there: one that is quoted in an ICMP error usually does.
fn ipv4(frame: &[u8], at: usize) -> Result<(usize, usize, Ipv4HeaderSlice<'_>), Unfit> {
    let ip = Ipv4HeaderSlice::from_slice(&frame[at..]).map_err(|_| Unfit::Malformed)?;
    let transport = at + ip.slice().len();
    let end = frame.len().min(at + usize::from(ip.total_len()));
    if end < transport {
        return Err(Unfit::Malformed);
    }
    Ok((transport, end, ip))
}

/// The packet that an ICMP error quotes: its IPv4 header and at least 8 bytes more.
fn quoted(frame: &[u8], at: usize, end: usize) -> Result<Head, Unfit> {
    let (transport, end, ip) = ipv4(&frame[..end], at)?;
    if ip.fragments_offset().value() != 0 {
        return Err(Unfit::Fragment);
    }
    let segment = &frame[transport..end];
    if segment.len() < 8 {
        return Err(Unfit::Malformed);
    }
    let protocol = match ip.protocol() {
        IpNumber::TCP => Protocol::Tcp,
        IpNumber::UDP => Protocol::Udp,
        IpNumber::ICMP => Protocol::Echo,
        _ => return Err(Unfit::Unsupported),
    };
    let ports = match protocol {
        Protocol::Echo => echo(segment)?.0,
        // TCP and UDP begin with the same two ports, and a quoted TCP header is cut off
        _ => {
            let ports = UdpHeaderSlice::from_slice(segment).map_err(|_| Unfit::Malformed)?;
            (ports.source_port(), ports.destination_port())
        }
    };
    Ok(head(&ip, (transport - ip.slice().len(), transport, end), protocol, ports, false, 0))
}

/// The ports that stand for an ICMP echo, the identifier on the side that asks and 0 on the side that answers, and
/// whether this is a request.
fn echo(segment: &[u8]) -> Result<((u16, u16), bool), Unfit> {
    let icmp = Icmpv4Slice::from_slice(segment).map_err(|_| Unfit::Malformed)?;
    let [high, low, ..] = icmp.bytes5to8();
    let identifier = u16::from_be_bytes([high, low]);
    match icmp.type_u8() {
        icmpv4::TYPE_ECHO_REQUEST => Ok(((identifier, 0), true)),
        icmpv4::TYPE_ECHO_REPLY => Ok(((0, identifier), false)),
        _ => Err(Unfit::Unsupported),
    }
}

/// Whether this is an ICMP error about a packet (RFC 5508 asks a NAT to translate these).
fn is_error(segment: &[u8]) -> bool {
    Icmpv4Slice::from_slice(segment).is_ok_and(|icmp| {
        matches!(
            icmp.type_u8(),
            icmpv4::TYPE_DEST_UNREACH | icmpv4::TYPE_TIME_EXCEEDED | icmpv4::TYPE_PARAMETER_PROBLEM
        )
    })
}

/// Whether bytes that contain their own checksum agree with it.
fn is_sound(bytes: &[u8]) -> bool {
    Sum16BitWords::new().add_slice(bytes).ones_complement() == 0
}

#[inline]
fn head(
    ip: &Ipv4HeaderSlice<'_>,
    (network, transport, end): (usize, usize, usize),
    protocol: Protocol,
    (source, destination): (u16, u16),
    opens: bool,
    flags: u8,
) -> Head {
    Head {
        network,
        transport,
        end,
        protocol,
        source: Endpoint { address: ip.source_addr(), port: source },
        destination: Endpoint { address: ip.destination_addr(), port: destination },
        opens,
        flags,
    }
}
