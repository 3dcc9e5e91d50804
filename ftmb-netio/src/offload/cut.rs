//! Cuts one TCP or UDP packet into the segments or datagrams that it stands for.
//!
//! Invariant: behind each other, their payloads are that of the packet; each has a header of its own with its lengths, checksums,
//! IPv4 identification and sequence number.
//!
//! | field | first | between | last |
//! | --- | --- | --- | --- |
//! | IPv4 identification | as it is | + 1 each | + 1 |
//! | TCP sequence number | as it is | + payload before | + payload before |
//! | FIN, PSH | cleared | cleared | as they are |
//! | CWR | as it is | cleared | cleared |

use etherparse::IpNumber;
use etherparse::checksum::Sum16BitWords;
use ftmb_runtime::offload::{Checksum, SegmentKind, Segmentation};

use super::layers::{self, Layers, contradiction};
use super::{OffloadError, finish};

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// Longest length that an IP header can say.
const MAX_LENGTH: usize = u16::MAX as usize;

/// Bytes of all pieces together, at most: a packet of 64 KiB in segments of 8 bytes, the smallest that Linux makes, has half as many.
/// Smaller ones, each with long headers, would keep whoever cuts busy with a single packet.
const MOST: usize = 1 << 20;

/// How a packet is cut.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    layers: Layers,
    is_tcp: bool,
    /// Payload bytes of each piece but the last.
    size: usize,
    /// The sum over the pseudo header but for the length; `None`: UDP without a checksum.
    pseudo: Option<u16>,
}

impl Cut {
    pub(super) fn plan(frame: &[u8], segmentation: Segmentation, checksum: Checksum) -> Result<Cut, OffloadError> {
        let (protocol, version) = match segmentation.kind {
            SegmentKind::Tcp4 => (IpNumber::TCP, Some(false)),
            SegmentKind::Tcp6 => (IpNumber::TCP, Some(true)),
            SegmentKind::Udp => (IpNumber::UDP, None),
            _ => return Err(OffloadError::Kind { found: 3 }),
        };
        if segmentation.size == 0 {
            return Err(OffloadError::NoSize);
        }
        let layers = layers::find(frame, protocol)?;
        if let Some(is_v6) = version
            && is_v6 != layers.is_v6
        {
            let number = |is_v6| if is_v6 { 6 } else { 4 };
            return Err(contradiction("the IP version", number(is_v6), number(layers.is_v6)));
        }
        let is_tcp = protocol == IpNumber::TCP;
        let size = usize::from(segmentation.size);
        let fixed = layers.network + if layers.is_v6 { 40 } else { 0 };
        let longest = layers.payload - fixed + size.min(layers.end - layers.payload);
        if longest > MAX_LENGTH {
            return Err(contradiction("the length of a segment", MAX_LENGTH, longest));
        }
        let pseudo = pseudo(frame, &layers, is_tcp, checksum)?;
        let cut = Cut { layers, is_tcp, size, pseudo };
        let together = cut.count() * layers.payload + (layers.end - layers.payload);
        if together > MOST.max(frame.len()) {
            return Err(contradiction("the length of all segments together", MOST, together));
        }
        Ok(cut)
    }

    pub(super) fn count(&self) -> usize {
        (self.layers.end - self.layers.payload).div_ceil(self.size).max(1)
    }

    /// Writes piece `i`.
    pub(super) fn write(&self, frame: &[u8], i: usize, piece: &mut Vec<u8>) {
        let Layers { network, is_v6, transport, payload, end } = self.layers;
        let from = payload + i * self.size;
        piece.clear();
        piece.extend_from_slice(&frame[..payload]);
        piece.extend_from_slice(&frame[from..end.min(from + self.size)]);
        let length = piece.len() - network;
        if is_v6 {
            put(piece, network + 4, (length - 40) as u16);
        } else {
            put(piece, network + 2, length as u16);
            let identification = get(piece, network + 4).wrapping_add(i as u16);
            put(piece, network + 4, identification);
            put(piece, network + 10, 0);
            let header = &piece[network..network + usize::from(piece[network] & 15) * 4];
            let sum = Sum16BitWords::new().add_slice(header).ones_complement();
            piece[network + 10..network + 12].copy_from_slice(&sum.to_ne_bytes());
        }
        let length = (piece.len() - transport) as u16;
        if self.is_tcp {
            self.number(piece, i);
        } else {
            put(piece, transport + 4, length);
        }
        if let Some(pseudo) = self.pseudo {
            let at = transport + checksum_offset(self.is_tcp);
            put(piece, at, add(pseudo, length));
            finish(piece, transport, at);
        }
    }

    /// Sequence number and flags of piece `i`.
    fn number(&self, piece: &mut [u8], i: usize) {
        let at = self.layers.transport + 4;
        let first = u32::from_be_bytes([piece[at], piece[at + 1], piece[at + 2], piece[at + 3]]);
        let sequence = first.wrapping_add((i * self.size) as u32);
        piece[at..at + 4].copy_from_slice(&sequence.to_be_bytes());
        let flags = &mut piece[self.layers.transport + 13];
        if i + 1 < self.count() {
            *flags &= !(FIN | PSH);
        }
        if i > 0 {
            *flags &= !CWR;
        }
    }
}

/// What the checksum of every piece starts with: taken from the field if that holds it, as an interface does, so that a
/// mistake made on the way is not made good.
fn pseudo(frame: &[u8], layers: &Layers, is_tcp: bool, checksum: Checksum) -> Result<Option<u16>, OffloadError> {
    let &Layers { network, is_v6, transport, end, .. } = layers;
    let field = checksum_offset(is_tcp);
    let Checksum::Partial { start, offset } = checksum else {
        if !is_tcp && get(frame, transport + field) == 0 {
            return Ok(None);
        }
        let addresses = if is_v6 { &frame[network + 8..network + 40] } else { &frame[network + 12..network + 20] };
        let protocol = if is_tcp { IpNumber::TCP } else { IpNumber::UDP };
        let sum = Sum16BitWords::new().add_2bytes([0, protocol.0]).add_slice(addresses).ones_complement();
        return Ok(Some(!sum.to_be()));
    };
    if usize::from(start) != transport {
        return Err(contradiction("the start of the checksum", transport, start.into()));
    }
    if usize::from(offset) != field {
        return Err(contradiction("the place of the checksum", field, offset.into()));
    }
    let length = end - transport;
    Ok(Some(add(get(frame, transport + field), !add(length as u16, (length >> 16) as u16))))
}

fn checksum_offset(is_tcp: bool) -> usize {
    if is_tcp { 16 } else { 6 }
}

/// One's complement sum.
fn add(a: u16, b: u16) -> u16 {
    let sum = u32::from(a) + u32::from(b);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

fn get(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn put(bytes: &mut [u8], at: usize, word: u16) {
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
}
