//! Interfaces of this network namespace, by name. Invariant: what is told of one was true when it was asked for, and may have changed
//! since.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// What an interface is like at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// Its number in this network namespace.
    pub index: u32,
    /// The kind of its hardware addresses, as in ARP (1: Ethernet, 772: loopback).
    pub hardware: u16,
    /// It is up.
    pub up: bool,
    /// The longest payload of a frame, in bytes, without Ethernet header and tags.
    pub mtu: u32,
}

impl Interface {
    /// Looks an interface up by name, in the network namespace of this thread. Needs no privileges.
    ///
    /// # Errors
    /// What the kernel says; `ENODEV` if there is none of this name.
    ///
    /// ```
    /// use ftmb_netio::uring::Interface;
    /// assert_eq!(Interface::find("lo")?.hardware, 772);
    /// assert!(Interface::find("no such").is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn find(name: &str) -> io::Result<Interface> {
        // Any socket will do to ask by.
        let socket = std::os::unix::net::UnixDatagram::unbound()?;
        let ask = |request| ask(socket.as_fd(), name, request);
        // SAFETY: after its request succeeded, the kernel has filled this member, and every bit pattern is a value of it. So below.
        let index = unsafe { ask(libc::SIOCGIFINDEX)?.ifr_ifru.ifru_ifindex } as u32;
        // SAFETY: as above.
        let flags = unsafe { ask(libc::SIOCGIFFLAGS)?.ifr_ifru.ifru_flags };
        // SAFETY: as above.
        let mtu = unsafe { ask(libc::SIOCGIFMTU)?.ifr_ifru.ifru_mtu } as u32;
        // SAFETY: as above.
        let hardware = unsafe { ask(libc::SIOCGIFHWADDR)?.ifr_ifru.ifru_hwaddr }.sa_family;
        Ok(Interface { index, hardware, up: c_int::from(flags) & libc::IFF_UP != 0, mtu })
    }

    /// Switches an interface on, with room for `waiting` frames that its host has sent and nobody has taken yet.
    ///
    /// # Errors
    /// What the kernel says; `EPERM` without the capability `CAP_NET_ADMIN`.
    ///
    /// ```
    /// use ftmb_netio::uring::Interface;
    /// assert!(Interface::switch_on("no such", 1000).is_err());
    /// ```
    pub fn switch_on(name: &str, waiting: u32) -> io::Result<()> {
        let socket = std::os::unix::net::UnixDatagram::unbound()?;
        let mut told = request(name)?;
        told.ifr_ifru.ifru_metric = waiting as c_int;
        tell(socket.as_fd(), libc::SIOCSIFTXQLEN as libc::c_ulong, told)?;
        let mut told = ask(socket.as_fd(), name, libc::SIOCGIFFLAGS)?;
        // SAFETY: the request before has filled this member.
        let flags = unsafe { told.ifr_ifru.ifru_flags };
        told.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
        tell(socket.as_fd(), libc::SIOCSIFFLAGS, told).map(drop)
    }
}

/// A request about an interface, with its name and otherwise empty.
pub(super) fn request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: an interface request of zeroes is valid.
    let mut asked: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.is_empty() || name.len() >= asked.ifr_name.len() || name.contains('\0') {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in asked.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(asked)
}

/// Asks for one property of an interface.
fn ask(socket: BorrowedFd<'_>, name: &str, number: libc::c_ulong) -> io::Result<libc::ifreq> {
    tell(socket, number, request(name)?)
}

/// Makes a request about an interface; returns it as the kernel has left it.
pub(super) fn tell(fd: BorrowedFd<'_>, number: libc::c_ulong, mut told: libc::ifreq) -> io::Result<libc::ifreq> {
    // SAFETY: the requests made here read and write one structure of this kind, which outlives the call.
    // Test: `Interface::find`'s own, and `every_reason_not_to_open_has_its_own_error`.
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), number as _, &raw mut told) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(told) }
}
