//! Fragments of IPv4 packets: which packet each belongs to, and what is known of it.
//!
//! Invariant: no fragment that is found fit changes what its first one says of ports and flags when a host puts them together.

use std::{
    hash::{Hash, Hasher},
    net::Ipv4Addr,
};

use etherparse::IpNumber;

use super::{Head, Protocol, Unfit, carried, find_ipv4, ipv4, is_sound};

/// What all fragments of a packet share, and those of no other packet that is under way.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) protocol: Protocol,
    identification: u16,
}

/// Two numbers instead of many small writes.
impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.source.to_bits()) << 32 | u64::from(self.destination.to_bits()));
        state.write_u32(u32::from(self.identification) << 8 | self.protocol as u32);
    }
}

/// A fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment {
    /// Offset of the IPv4 header.
    pub(crate) network: usize,
    pub(crate) origin: Origin,
    /// The headers of the packet, if this is its first fragment.
    pub(crate) first: Option<Head>,
}

impl Fragment {
    /// The longest IPv4 packet.
    const LONGEST: usize = 65_535;

    /// Reads a frame that [`parse`](super::parse) has found to be a fragment.
    pub(crate) fn parse(frame: &[u8]) -> Result<Self, Unfit> {
        let network = find_ipv4(frame)?;
        let (transport, end, ip) = ipv4(frame, network)?;
        if usize::from(ip.total_len()) > frame.len() - network || !is_sound(ip.slice()) {
            return Err(Unfit::Malformed);
        }
        let (offset, length) = (usize::from(ip.fragments_offset().value()) * 8, end - transport);
        let is_whole_words = !ip.more_fragments() || length.is_multiple_of(8);
        if length == 0 || !is_whole_words || ip.slice().len() + offset + length > Self::LONGEST {
            return Err(Unfit::Malformed);
        }
        let protocol = match ip.protocol() {
            IpNumber::TCP => Protocol::Tcp,
            IpNumber::UDP => Protocol::Udp,
            IpNumber::ICMP => Protocol::Echo,
            _ => return Err(Unfit::Unsupported),
        };
        let first = match offset {
            0 => Some(carried(frame, &ip, (network, transport, end))?),
            // would overwrite the flags of the first one (RFC 3128)
            1..20 if protocol == Protocol::Tcp => return Err(Unfit::Malformed),
            _ => None,
        };
        let origin = Origin {
            source: ip.source_addr(),
            destination: ip.destination_addr(),
            protocol,
            identification: ip.identification(),
        };
        Ok(Self { network, origin, first })
    }
}
