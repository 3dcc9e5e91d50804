//! Tap interfaces: their frames are read from and written to a descriptor, and this host takes part like on any other interface.
//!
//! Invariant: a descriptor that exists is attached to an interface of the asked name, does not block, and moves whole Ethernet frames.

use std::ffi::{c_int, c_uint};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

use super::interface::{request, tell};

/// What hosts may leave to whoever reads the descriptor: checksums, and cutting TCP over both versions of IP.
const OFFLOADS: c_uint = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
/// Cutting UDP: linux 6.2 or later.
const UDP_OFFLOADS: c_uint = libc::TUN_F_USO4 | libc::TUN_F_USO6;
/// Bytes of the offload header in front of a frame: `struct virtio_net_hdr`.
const HEADER: c_int = 10;

/// Which of the steps to a tap interface failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapStep {
    /// Opening [`TapDevice::PATH`].
    Open,
    /// Making the interface or attaching to it.
    Attach,
    /// Setting what frames look like, or that the interface stays.
    Configure,
}

/// A descriptor attached to a tap interface. The interface goes with its last descriptor, unless it is persistent.
#[derive(Debug)]
pub struct TapDevice(OwnedFd);

impl TapDevice {
    /// Where tap interfaces come from.
    pub const PATH: &str = "/dev/net/tun";

    /// Attaches to the tap interface `name`, which is made if there is none. With `offloads`, frames carry a `struct virtio_net_hdr`
    /// of ten bytes in front, in both directions. Of one that was made with several queues (`multi_queue`) this is one: who else
    /// attaches to it gets a share of the frames.
    ///
    /// # Errors
    /// The step that failed, and what the kernel says: for [`TapStep::Attach`], `EPERM` without the capability `CAP_NET_ADMIN`,
    /// `EBUSY` if another process is attached, `EINVAL` if there is an interface of this name and it is of another kind.
    pub fn attach(name: &str, offloads: bool) -> Result<TapDevice, (TapStep, io::Error)> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::open(TapDevice::PATH, flags, Mode::empty());
        let device = TapDevice(fd.map_err(|error| (TapStep::Open, error.into()))?);
        let attach = |error| (TapStep::Attach, error);
        let header = if offloads { libc::IFF_VNET_HDR } else { 0 };
        let ask = |queues| {
            let mut told = request(name)?;
            told.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | header | queues) as libc::c_short;
            tell(device.as_fd(), libc::TUNSETIFF as libc::c_ulong, told)
        };
        // The kernel does not say whether it has several queues, but wants to be told.
        match ask(0) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => ask(libc::IFF_MULTI_QUEUE),
            done => done,
        }
        .map_err(attach)?;
        let configure = |error| (TapStep::Configure, error);
        if offloads {
            device.set_header(HEADER).map_err(configure)?;
            if device.set(libc::TUNSETOFFLOAD, OFFLOADS | UDP_OFFLOADS).is_err() {
                device.set(libc::TUNSETOFFLOAD, OFFLOADS).map_err(configure)?;
            }
        } else {
            device.set(libc::TUNSETOFFLOAD, 0).map_err(configure)?;
        }
        Ok(device)
    }

    /// The interface stays when nobody is attached to it any more.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn make_persistent(&self) -> io::Result<()> {
        self.set(libc::TUNSETPERSIST, 1)
    }

    fn set(&self, number: libc::Ioctl, value: c_uint) -> io::Result<()> {
        // SAFETY: these requests take an integer and touch no memory. Test: `a_ping_and_its_answer_pass_through_two_taps`.
        let answer = unsafe { libc::ioctl(self.0.as_raw_fd(), number as _, libc::c_ulong::from(value)) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn set_header(&self, bytes: c_int) -> io::Result<()> {
        // SAFETY: this request reads an integer, which outlives the call. Test: as above.
        let answer = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TUNSETVNETHDRSZ as _, &raw const bytes) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl AsFd for TapDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
