//! Packet sockets (`AF_PACKET`, `SOCK_RAW`): whole Ethernet frames of one interface. The options of theirs that no safe wrapper has.
//!
//! Invariant: a socket receives nothing before [`PacketSocket::bind`], so all its options are set when the first frame comes.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::socket_option::{get, set, set_buffers};

/// A packet socket.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// A socket that does not block and is bound to no interface yet.
    ///
    /// # Errors
    /// `EPERM` without the capability `CAP_NET_RAW`.
    pub fn new() -> io::Result<PacketSocket> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: makes a descriptor and touches no memory.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and nobody else has it.
        Ok(PacketSocket(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Frames carry a `struct virtio_net_hdr` of ten bytes in front, in both directions.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn with_offload_headers(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1 as c_int)
    }

    /// Each frame comes with a [`libc::tpacket_auxdata`] as control data.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn with_auxiliary_data(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_AUXDATA, 1 as c_int)
    }

    /// Frames that this host sends by the interface are not received.
    ///
    /// # Errors
    /// What the kernel says; `ENOPROTOOPT` before linux 4.20.
    pub fn without_outgoing(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1 as c_int)
    }

    /// Room for frames that wait, in bytes; beyond what an ordinary user may ask for if this process may.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_buffers(&self, receive: u32, send: u32) -> io::Result<()> {
        set_buffers(self.as_fd(), receive, send)
    }

    /// The room for frames that wait to be received, in bytes, as the kernel counts (twice what was asked for).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive_buffer(&self) -> io::Result<u32> {
        let mut bytes: c_int = 0;
        get(self.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, &mut bytes)?;
        Ok(bytes as u32)
    }

    /// The interface takes in all frames, also those for others, for as long as this socket is open.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn make_promiscuous(&self, index: u32) -> io::Result<()> {
        let membership = libc::packet_mreq {
            mr_ifindex: index as c_int,
            mr_type: libc::PACKET_MR_PROMISC as _,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, membership)
    }

    /// Binds to an interface: from here on frames of every protocol come in.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn bind(&self, index: u32) -> io::Result<()> {
        // SAFETY: an address of zeroes is valid.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as _;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index as c_int;
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: the address has the given length and outlives the call.
        let bound = unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), length) };
        if bound < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Whether the interface that the socket was bound to still exists.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn is_bound(&self) -> io::Result<bool> {
        // SAFETY: an address of zeroes is valid.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: address and length outlive the call, and the length is right.
        let named = unsafe { libc::getsockname(self.0.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
        if named < 0 { Err(io::Error::last_os_error()) } else { Ok(address.sll_ifindex > 0) }
    }

    /// Frames that the kernel dropped since the last time it was asked, for want of room.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn take_dropped(&self) -> io::Result<u32> {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        get(self.as_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, &mut statistics)?;
        Ok(statistics.tp_drops)
    }

    fn set<T: Copy>(&self, level: c_int, option: c_int, value: T) -> io::Result<()> {
        set(self.as_fd(), level, option, value)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
