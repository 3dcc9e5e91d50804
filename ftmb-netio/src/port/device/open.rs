//! What is checked and set before the first frame. Invariant: every reason not to open an interface has an error of its own that
//! says what to do.

use std::io;

use rustix::io::Errno;

use super::super::{DeviceSpec, MAX_FRAME, PortError};
use crate::uring::{Interface, PacketSocket};

/// Room for frames that wait in the kernel, in bytes per direction: some milliseconds of 64 KiB frames at 20 Gbit/s, and more
/// than sixty thousand short ones.
const WAITING: u32 = 64 << 20;
const ETHERNET: u16 = 1;
const LOOPBACK: u16 = 772;
/// An Ethernet header and two tags.
const LINK_HEADER: usize = 22;

pub(super) fn find(name: &str) -> Result<Interface, PortError> {
    Interface::find(name).map_err(|source| match Errno::from_io_error(&source) {
        Some(Errno::NODEV) => PortError::NoInterface { interface: name.to_owned() },
        _ => refused(name, "look up", source),
    })
}

/// A socket on the interface, ready to receive.
pub(super) fn open(spec: &DeviceSpec) -> Result<(PacketSocket, Interface), PortError> {
    let name = spec.interface();
    let interface = find(name)?;
    if !matches!(interface.hardware, ETHERNET | LOOPBACK) {
        return Err(PortError::NotEthernet { interface: name.to_owned(), found: interface.hardware });
    }
    let longest = interface.mtu as usize + LINK_HEADER;
    if longest > MAX_FRAME {
        let limit = (MAX_FRAME - LINK_HEADER) as u32;
        return Err(PortError::Mtu { interface: name.to_owned(), found: interface.mtu, limit });
    }
    let refuse = |doing| move |source| refused(name, doing, source);
    let socket = PacketSocket::new().map_err(refuse("open a packet socket for"))?;
    if spec.offload() {
        socket.with_offload_headers().map_err(refuse("get offload metadata from"))?;
    }
    socket.with_auxiliary_data().map_err(refuse("get VLAN tags from"))?;
    socket.without_outgoing().map_err(refuse("ignore own frames on"))?;
    socket.set_buffers(WAITING, WAITING).map_err(refuse("set the buffers for"))?;
    if spec.promiscuous() {
        socket.make_promiscuous(interface.index).map_err(refuse("switch to promiscuous"))?;
    }
    socket.bind(interface.index).map_err(refuse("bind to"))?;
    let got = socket.receive_buffer().unwrap_or(0);
    if got < WAITING {
        tracing::warn!(
            interface = name,
            bytes = got,
            "the buffer for frames that wait is small: give this process CAP_NET_ADMIN, or raise sysctl net.core.rmem_max"
        );
    }
    if !interface.up {
        tracing::warn!(interface = name, "the interface is down; frames come once it is up (ip link set {name} up)");
    }
    Ok((socket, interface))
}

fn refused(name: &str, doing: &'static str, source: io::Error) -> PortError {
    let interface = name.to_owned();
    match Errno::from_io_error(&source) {
        Some(Errno::PERM | Errno::ACCESS) => PortError::Permission { interface, doing, source },
        Some(Errno::NODEV) => PortError::NoInterface { interface },
        _ => PortError::Interface { interface, doing, source },
    }
}
