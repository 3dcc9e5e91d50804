//! The Ethernet header, and ARP: who has which address.
//!
//! Invariant: an ARP packet is changed only after all of it has been found to be there.
//!
//! ```text
//! | Ethernet: to 6, from 6 | VLAN 0, 4, 8 | 0x0806 | hardware 2 | protocol 2 | lengths 2 | operation 2 |
//! | sender: MAC 6, address 4 | target: MAC 6, address 4 |
//! ```

use std::{fmt, net::Ipv4Addr, str::FromStr};

use super::headers::{self, Unfit};

/// An Ethernet address.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mac([u8; 6]);

/// What is no Ethernet address of a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no address of an interface, expected six bytes like 02:00:5e:10:00:01, the first one even")]
pub(crate) struct MacError {
    found: String,
}

impl Mac {
    /// A locally administered address that is made of an IPv4 address, so that two NATs on one network differ.
    pub(crate) fn made_of(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x02, b'N', a, b, c, d])
    }

    /// Where a frame is sent; it must have an Ethernet header.
    #[inline]
    pub(crate) fn destination(frame: &[u8]) -> Self {
        Self::at(frame, 0)
    }

    /// Where a frame comes from; it must have an Ethernet header.
    #[inline]
    pub(crate) fn source(frame: &[u8]) -> Self {
        Self::at(frame, 6)
    }

    /// Sends a frame there.
    #[inline]
    pub(crate) fn put_destination(self, frame: &mut [u8]) {
        frame[..6].copy_from_slice(&self.0);
    }

    /// Lets a frame come from there.
    #[inline]
    pub(crate) fn put_source(self, frame: &mut [u8]) {
        frame[6..12].copy_from_slice(&self.0);
    }

    /// Whether this may be the address of one host: neither of a group, nor zero.
    pub(crate) fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }

    #[inline]
    fn at(frame: &[u8], at: usize) -> Self {
        Self(std::array::from_fn(|index| frame[at + index]))
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let bytes: Option<Vec<u8>> =
            text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2)).collect();
        let mac = bytes.and_then(|bytes| Some(Self(bytes.try_into().ok()?)));
        mac.filter(|mac| mac.is_unicast()).ok_or_else(|| MacError { found: text.into() })
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// An ARP packet about Ethernet and IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    /// Offset of the packet.
    at: usize,
    /// Whether it asks; else it tells.
    pub(crate) asks: bool,
    /// Who sent it. Nobody yet: 0.0.0.0, a host that looks whether an address is in use.
    pub(crate) sender: (Mac, Ipv4Addr),
    /// Whose Ethernet address is asked for, or who is told.
    pub(crate) target: Ipv4Addr,
}

impl Arp {
    const LEN: usize = 28;
    /// Ethernet, IPv4, and the lengths of their addresses.
    const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];
    const REQUEST: u8 = 1;
    const REPLY: u8 = 2;

    /// Reads it from a frame that carries ARP.
    pub(crate) fn parse(frame: &[u8]) -> Result<Self, Unfit> {
        let (_, at) = headers::content(frame)?;
        let packet = frame.get(at..at + Self::LEN).ok_or(Unfit::Malformed)?;
        let asks = match packet[6..8] {
            [0, Self::REQUEST] => true,
            [0, Self::REPLY] => false,
            _ => return Err(Unfit::Foreign),
        };
        if packet[..6] != Self::KIND {
            return Err(Unfit::Foreign);
        }
        let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
        Ok(Self { at, asks, sender: (Mac::at(packet, 8), address(14)), target: address(24) })
    }

    /// Turns the request that this was read from into the answer: `mac` has the address that was asked for.
    pub(crate) fn answer(&self, frame: &mut [u8], mac: Mac) {
        let (host, address) = self.sender;
        host.put_destination(frame);
        mac.put_source(frame);
        let packet = &mut frame[self.at..self.at + Self::LEN];
        packet[7] = Self::REPLY;
        packet[8..14].copy_from_slice(&mac.0);
        packet[14..18].copy_from_slice(&self.target.octets());
        packet[18..24].copy_from_slice(&host.0);
        packet[24..28].copy_from_slice(&address.octets());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_address_reads_as_it_is_written() {
        // here, since the benchmarks compile this file too, and drop its tests
        use super::*;
        let mac = Mac::made_of(Ipv4Addr::new(198, 51, 100, 1));
        assert_eq!(mac.to_string(), "02:4e:c6:33:64:01");
        assert_eq!(mac.to_string().parse(), Ok(mac));
        for text in
            ["", "02:4e:c6:33:64", "02:4e:c6:33:64:01:02", "2:4e:c6:33:64:01", "01:00:5e:00:00:01", "00:00:00:00:00:00"]
        {
            assert_eq!(text.parse::<Mac>(), Err(MacError { found: text.into() }));
        }
    }
}
