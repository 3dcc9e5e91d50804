//! Options of sockets. Invariant: an option is set and read with the type that the kernel has for it: the caller's word.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

pub(super) fn set<T: Copy>(socket: BorrowedFd<'_>, level: c_int, option: c_int, value: T) -> io::Result<()> {
    let (at, length) = ((&raw const value).cast::<c_void>(), size_of::<T>() as libc::socklen_t);
    // SAFETY: the value has the given length and outlives the call; the kernel only reads it. Test: those of device ports.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, at, length) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// `T` is made of integers.
pub(super) fn get<T: Copy>(socket: BorrowedFd<'_>, level: c_int, option: c_int, value: &mut T) -> io::Result<()> {
    let mut length = size_of::<T>() as libc::socklen_t;
    let at = std::ptr::from_mut(value).cast::<c_void>();
    // SAFETY: the kernel writes at most `length` bytes into the value, which is made of integers and outlives the call. Test: as above.
    let got = unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, at, &raw mut length) };
    if got < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Room for what waits, in bytes; beyond what an ordinary user may ask for if this process may.
pub(super) fn set_buffers(socket: BorrowedFd<'_>, receive: u32, send: u32) -> io::Result<()> {
    let pairs = [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, receive), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, send)];
    for (forced, asked, bytes) in pairs {
        if set(socket, libc::SOL_SOCKET, forced, bytes as c_int).is_err() {
            set(socket, libc::SOL_SOCKET, asked, bytes as c_int)?;
        }
    }
    Ok(())
}
