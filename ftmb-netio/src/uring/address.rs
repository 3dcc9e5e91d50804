//! Internet addresses as the kernel reads and writes them. Invariant: an address that is read back is the one that was written.
//!
//! ```text
//! struct sockaddr_in     |family 2|port 2, big endian|address 4|zero 8|
//! struct sockaddr_in6    |family 2|port 2, big endian|flow 4|address 16|scope 4|
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address for the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    bytes: [u8; Address::LONGEST],
    length: usize,
}

const V4: usize = size_of::<libc::sockaddr_in>();
const _: () = assert!(V4 == 16 && size_of::<libc::sockaddr_in6>() == Address::LONGEST);

impl Address {
    /// Room for any address, in bytes.
    pub const LONGEST: usize = 28;

    /// Reads the address and the port that the kernel has written. `None`: it is of another family, or cut short.
    ///
    /// ```
    /// use ftmb_netio::uring::Address;
    /// use std::net::SocketAddr;
    /// for text in ["192.0.2.1:4789", "[2001:db8::1]:53"] {
    ///     let address: SocketAddr = text.parse()?;
    ///     assert_eq!(Address::read(Address::from(address).as_bytes()), Some((address.ip(), address.port())));
    /// }
    /// assert_eq!(Address::read(&[]), None);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn read(bytes: &[u8]) -> Option<(IpAddr, u16)> {
        let family = u16::from_ne_bytes(*bytes.first_chunk()?);
        let port = u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
        let ip = match i32::from(family) {
            libc::AF_INET => Ipv4Addr::from(*bytes.get(4..)?.first_chunk::<4>()?).into(),
            libc::AF_INET6 => Ipv6Addr::from(*bytes.get(8..)?.first_chunk::<16>()?).into(),
            _ => return None,
        };
        Some((ip, port))
    }

    /// As the kernel reads it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        let (mut bytes, length, family) = match address {
            SocketAddr::V4(_) => ([0; Address::LONGEST], V4, libc::AF_INET),
            SocketAddr::V6(_) => ([0; Address::LONGEST], Address::LONGEST, libc::AF_INET6),
        };
        bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        match address {
            SocketAddr::V4(address) => bytes[4..8].copy_from_slice(&address.ip().octets()),
            SocketAddr::V6(address) => {
                bytes[4..8].copy_from_slice(&address.flowinfo().to_be_bytes());
                bytes[8..24].copy_from_slice(&address.ip().octets());
                bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
            }
        }
        Address { bytes, length }
    }
}
