//! Puts another endpoint into a packet, in place.
//!
//! Invariant: only the address, the port and the checksums that cover them change; what the packet leaves to its interface stays
//! right ([`Packet::offload`]).

use std::net::Ipv4Addr;

use etherparse::checksum::Sum16BitWords;
use ftmb::prelude::Packet;

use super::{
    Endpoint, Head, Protocol,
    checksum::{Change, Field, partial, read, write},
};

/// Which end of a packet is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
}

/// Replaces one endpoint of the packet that `head` was read from.
#[inline]
pub(crate) fn endpoint(packet: &mut Packet<'_>, head: &Head, side: Side, new: Endpoint) {
    let field = Field::of(partial(packet.offload()), head.transport);
    replace(packet.bytes_mut(), head, side, new, field);
}

/// The same for a packet that is quoted in an ICMP error: no interface will touch its checksum.
pub(crate) fn quoted(frame: &mut [u8], about: &Head, side: Side, new: Endpoint) {
    replace(frame, about, side, new, Field::Whole);
}

#[inline]
fn replace(frame: &mut [u8], head: &Head, side: Side, new: Endpoint, field: Field) {
    let moved = address(frame, head.network, side, new);
    let transport = head.transport;
    let port = match (head.protocol, side) {
        (Protocol::Echo, _) => transport + 4,
        (_, Side::Source) => transport,
        (_, Side::Destination) => transport + 2,
    };
    let numbered = Change::default().word(read(frame, port), new.port);
    let covered = moved.word(read(frame, port), new.port);
    write(frame, port, new.port);
    match head.protocol {
        Protocol::Tcp if field == Field::PseudoHeader => moved.apply_partial(frame, transport + 16),
        Protocol::Udp if field == Field::PseudoHeader => moved.apply_partial(frame, transport + 6),
        // the interface sums up the whole message
        Protocol::Echo if field == Field::PseudoHeader => {}
        // a TCP header quoted in an ICMP error may end before its checksum
        Protocol::Tcp if head.end >= transport + 18 => covered.apply(frame, transport + 16),
        Protocol::Tcp => {}
        Protocol::Udp => covered.apply_udp(frame, transport + 6),
        // no pseudo header: the address is not covered
        Protocol::Echo => numbered.apply(frame, transport + 2),
    }
}

/// Replaces one address of the IPv4 header at `network`; returns the change for checksums with a pseudo header.
#[inline]
pub(crate) fn address(frame: &mut [u8], network: usize, side: Side, new: Endpoint) -> Change {
    let at = network + if side == Side::Source { 12 } else { 16 };
    let new = new.address.octets();
    let field = &mut frame[at..at + 4];
    let change = Change::default().four([field[0], field[1], field[2], field[3]], new);
    field.copy_from_slice(&new);
    change.apply(frame, network + 10);
    change
}

/// The destination of the IPv4 header at `network`.
#[inline]
pub(crate) fn destination(frame: &[u8], network: usize) -> Ipv4Addr {
    Ipv4Addr::from_octets(std::array::from_fn(|index| frame[network + 16 + index]))
}

/// Recomputes the checksum of the ICMP message at `transport..end`. It is never left to an interface: no stack does so for ICMP
/// errors, and `parse` accepts only those whose checksum is right as it stands.
pub(crate) fn icmp_checksum(frame: &mut [u8], transport: usize, end: usize) {
    write(frame, transport + 2, 0);
    let sum = Sum16BitWords::new().add_slice(&frame[transport..end]).ones_complement().to_be();
    write(frame, transport + 2, sum);
}
