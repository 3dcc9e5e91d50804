//! Where the headers of a frame are that is to be cut. Invariant: all positions lie in the frame, in the order of the fields.

use etherparse::{EtherType, IpNumber, ether_type, ip_number};

use super::OffloadError;

/// At most this many VLAN tags and IPv6 extension headers are looked behind.
const MAX_SKIPPED: usize = 8;

/// A TCP segment or UDP datagram over IP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layers {
    /// The IP header.
    pub(super) network: usize,
    pub(super) is_v6: bool,
    /// The transport header.
    pub(super) transport: usize,
    /// What the transport header is followed by.
    pub(super) payload: usize,
    /// The first byte behind the packet; what follows is padding.
    pub(super) end: usize,
}

/// Finds the headers; `protocol` is that of the transport header.
pub(super) fn find(frame: &[u8], protocol: IpNumber) -> Result<Layers, OffloadError> {
    let (ether_type, network) = find_network(frame)?;
    let (found, transport, end) = match ether_type {
        ether_type::IPV4 => ipv4(frame, network)?,
        ether_type::IPV6 => ipv6(frame, network)?,
        other => return Err(contradiction("the ether type", ether_type::IPV4.0.into(), other.0.into())),
    };
    if found != protocol {
        return Err(contradiction("the protocol", protocol.0.into(), found.0.into()));
    }
    let payload = match protocol {
        IpNumber::TCP => {
            let [high, ..] = array::<1>(&frame[..end], transport + 12)?;
            let length = usize::from(high >> 4) * 4;
            if length < 20 {
                return Err(contradiction("the length of the TCP header", 20, length));
            }
            transport + length
        }
        _ => transport + 8,
    };
    if payload > end {
        return Err(OffloadError::Short { expected: payload, found: end });
    }
    Ok(Layers { network, is_v6: ether_type == ether_type::IPV6, transport, payload, end })
}

fn find_network(frame: &[u8]) -> Result<(EtherType, usize), OffloadError> {
    let mut at = 12;
    for _ in 0..MAX_SKIPPED {
        match EtherType(u16::from_be_bytes(array(frame, at)?)) {
            ether_type::VLAN_TAGGED_FRAME | ether_type::PROVIDER_BRIDGING | ether_type::VLAN_DOUBLE_TAGGED_FRAME => {
                at += 4;
            }
            other => return Ok((other, at + 2)),
        }
    }
    Err(contradiction("the number of VLAN tags", MAX_SKIPPED - 1, MAX_SKIPPED))
}

fn ipv4(frame: &[u8], network: usize) -> Result<(IpNumber, usize, usize), OffloadError> {
    let header = array::<20>(frame, network)?;
    if header[0] >> 4 != 4 {
        return Err(contradiction("the IP version", 4, usize::from(header[0] >> 4)));
    }
    let length = usize::from(header[0] & 15) * 4;
    if length < 20 {
        return Err(contradiction("the length of the IPv4 header", 20, length));
    }
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if fragment != 0 {
        return Err(contradiction("the fragment field", 0, fragment.into()));
    }
    let end = end(frame, network, 0, u16::from_be_bytes([header[2], header[3]]))?;
    Ok((IpNumber(header[9]), network + length, end))
}

fn ipv6(frame: &[u8], network: usize) -> Result<(IpNumber, usize, usize), OffloadError> {
    let header = array::<40>(frame, network)?;
    if header[0] >> 4 != 6 {
        return Err(contradiction("the IP version", 6, usize::from(header[0] >> 4)));
    }
    let end = end(frame, network, 40, u16::from_be_bytes([header[4], header[5]]))?;
    let (mut next, mut at) = (IpNumber(header[6]), network + 40);
    for _ in 0..MAX_SKIPPED {
        match next {
            ip_number::IPV6_HEADER_HOP_BY_HOP | ip_number::IPV6_ROUTE_HEADER | ip_number::IPV6_DESTINATION_OPTIONS => {
                let [following, length] = array(&frame[..end], at)?;
                (next, at) = (IpNumber(following), at + 8 + 8 * usize::from(length));
            }
            _ => break,
        }
    }
    Ok((next, at, end))
}

/// Where a packet ends that says it has `length` bytes behind its first `fixed`. A length of 0 means that it is too long to say.
fn end(frame: &[u8], network: usize, fixed: usize, length: u16) -> Result<usize, OffloadError> {
    let there = frame.len() - network;
    match fixed + usize::from(length) {
        _ if length == 0 => Ok(frame.len()),
        said if said > there => Err(contradiction("the length of the IP packet", there, said)),
        said => Ok(network + said),
    }
}

fn array<const N: usize>(frame: &[u8], at: usize) -> Result<[u8; N], OffloadError> {
    let found = frame.get(at..).and_then(|rest| rest.first_chunk::<N>());
    found.copied().ok_or(OffloadError::Short { expected: at + N, found: frame.len() })
}

pub(super) fn contradiction(what: &'static str, expected: usize, found: usize) -> OffloadError {
    OffloadError::Contradiction { what, expected, found }
}
