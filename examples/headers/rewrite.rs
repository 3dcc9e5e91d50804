//! Puts another endpoint into a packet, in place.
//!
//! Invariant: only the address, the port and the checksums that cover them change.

use etherparse::checksum::Sum16BitWords;

use super::{
    Endpoint, Head, Protocol,
    checksum::{Change, read, write},
};

/// Which end of a packet is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
}

/// Replaces one endpoint of the packet that `head` was read from.
#[inline]
pub(crate) fn endpoint(frame: &mut [u8], head: &Head, side: Side, new: Endpoint) {
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

/// Recomputes the checksum of the ICMP message at `transport..end`.
pub(crate) fn icmp_checksum(frame: &mut [u8], transport: usize, end: usize) {
    write(frame, transport + 2, 0);
    let sum = Sum16BitWords::new().add_slice(&frame[transport..end]).ones_complement().to_be();
    write(frame, transport + 2, sum);
}
