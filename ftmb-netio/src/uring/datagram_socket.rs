//! UDP sockets that carry frames. The options of theirs that no safe wrapper has.
//!
//! Invariant: a datagram that does not fit into one packet on its way is refused, not sent in fragments.

use std::ffi::c_int;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use super::socket_option::{get, set, set_buffers};

/// Words that the kernel tells of a socket's memory, and which of them counts dropped datagrams.
const MEMORY: usize = 9;
const DROPS: usize = 8;

/// A UDP socket, bound, connected to nobody, that does not block.
#[derive(Debug)]
pub struct DatagramSocket(UdpSocket);

impl DatagramSocket {
    /// Binds to `local`, with room for `waiting` bytes in each direction if this process may ask for as much. Needs no privileges.
    ///
    /// # Errors
    /// `EADDRINUSE` if somebody else has this address, `EADDRNOTAVAIL` if this host does not have it; or what else the kernel says.
    ///
    /// ```
    /// use ftmb_netio::uring::DatagramSocket;
    /// let socket = DatagramSocket::bind("127.0.0.1:0".parse()?, 1 << 20)?;
    /// assert!(DatagramSocket::bind(socket.local()?, 1 << 20).is_err());
    /// assert_eq!(socket.dropped()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(local: SocketAddr, waiting: u32) -> io::Result<DatagramSocket> {
        let socket = UdpSocket::bind(local)?;
        socket.set_nonblocking(true)?;
        let fd = socket.as_fd();
        set_buffers(fd, waiting, waiting)?;
        if local.is_ipv6() {
            set(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO as c_int)?;
        } else {
            set(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO as c_int)?;
        }
        Ok(DatagramSocket(socket))
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Datagrams that the kernel dropped since the socket was opened, for want of room or because their checksum was wrong.
    ///
    /// # Errors
    /// `ENOPROTOOPT` before linux 4.12.
    pub fn dropped(&self) -> io::Result<u32> {
        let mut memory = [0_u32; MEMORY];
        get(self.as_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, &mut memory)?;
        Ok(memory[DROPS])
    }
}

impl AsFd for DatagramSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
