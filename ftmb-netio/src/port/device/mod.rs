//! An interface of this host as a port (`AF_PACKET`).
//!
//! Invariant: every frame that the interface takes in is handed in once, as it was on the wire and with what its sender left for
//! the interface to do; or it is counted: by the kernel for want of room, or here with a reason. The same holds for what is sent.
//! Frames that this host sends by the interface itself do not come in.
//!
//! What is not taken waits: one frame here, those behind it in the kernel's queue, so that a sender who waits for acknowledgements
//! is slowed down and loses nothing; what does not fit there is lost and counted. After a restart nothing comes again
//! ([`Port::keeps`] is false), and `source` merely counts, on behind what was stamped.
//! An interface may go down and come up again; one that is deleted ends the port.
//!
//! Why not a `TPACKET_V3` ring: the kernel hands over its blocks when they are full, or after a millisecond, and that is what a ping
//! through it takes (0.8 ms at best, against 0.02 ms with a socket that is read), while it forwards at most a quarter more frames of
//! 64 bytes (0.79 against 0.64 million per second and core on a quiet machine). A ring that hands over single frames (`TPACKET_V2`) would
//! need room for 64 KiB for each of them.

mod open;

use std::os::fd::{AsFd, BorrowedFd};

use ftmb_runtime::packet::PortId;
use rustix::io::Errno;

use super::complaint::Complaint;
use super::wire::Wire;
use super::{DeviceSpec, MAX_FRAME, Port, PortError, PortStat, PortStatistics, Received, Sent, frame};
use crate::uring::{EngineChoice, EngineKind, PacketSocket, Shape};

/// A port that is an interface.
///
/// ```
/// use ftmb_netio::port::device::DevicePort;
/// use ftmb_netio::port::{DeviceSpec, PortError};
/// use ftmb_netio::uring::EngineChoice;
/// use ftmb_runtime::packet::PortId;
///
/// let error = DevicePort::open(PortId(0), &DeviceSpec::new("none0")?, EngineChoice::Auto).unwrap_err();
/// assert!(matches!(error, PortError::NoInterface { .. }));
/// # Ok::<(), ftmb_netio::port::SpecError>(())
/// ```
#[derive(Debug)]
pub struct DevicePort {
    spec: DeviceSpec,
    wire: Wire,
    socket: PacketSocket,
    mtu: u32,
    /// The interface was deleted.
    gone: bool,
    down: Complaint,
}

impl DevicePort {
    /// Opens an interface in the network namespace of this thread. One thread uses the port, from the first frame on.
    ///
    /// # Errors
    /// [`PortError::NoInterface`], [`PortError::Permission`], [`PortError::NotEthernet`], [`PortError::Mtu`] and
    /// [`PortError::Engine`] say what is in the way; [`PortError::Interface`] what else the kernel refuses.
    pub fn open(id: PortId, spec: &DeviceSpec, choice: EngineChoice) -> Result<DevicePort, PortError> {
        let (socket, interface) = open::open(spec)?;
        let header = if spec.offload() { frame::HEADER } else { 0 };
        let shape = Shape { name: 0, control: frame::CONTROL, payload: header + MAX_FRAME };
        let engine = choice
            .open_messages(socket.as_fd(), shape)
            .map_err(|source| PortError::Engine { path: spec.interface().into(), source })?;
        tracing::info!(interface = spec.interface(), mtu = interface.mtu, port = id.0, "an interface is open");
        Ok(DevicePort {
            spec: spec.clone(),
            wire: Wire::new(id, spec.interface(), engine, spec.offload()),
            socket,
            mtu: interface.mtu,
            gone: false,
            down: Complaint::default(),
        })
    }

    /// Which kind of engine serves the interface.
    pub fn engine(&self) -> EngineKind {
        self.wire.engine()
    }

    /// The kernel has said something in place of a frame.
    fn fault(&mut self, source: std::io::Error) -> Result<usize, PortError> {
        let interface = self.spec.interface();
        match Errno::from_io_error(&source) {
            Some(Errno::NETDOWN) if self.socket.is_bound().unwrap_or(false) => {
                if let Some(count) = self.down.now() {
                    tracing::warn!(interface, count, "the interface is down; frames come again once it is up");
                }
                Ok(0)
            }
            Some(Errno::NETDOWN | Errno::NODEV | Errno::NXIO) => {
                self.gone = true;
                Err(self.is_gone())
            }
            // An offload that the metadata has no word for (frames of a tunnel, received together).
            Some(Errno::INVAL) if self.spec.offload() => {
                self.wire.tally.lose(PortStat::Unfinished, 1, "received with an offload that cannot be passed on");
                Ok(0)
            }
            _ => Err(PortError::Interface { interface: interface.to_owned(), doing: "receive from", source }),
        }
    }

    fn is_gone(&self) -> PortError {
        PortError::InterfaceGone { interface: self.spec.interface().to_owned() }
    }

    fn cannot_send(&self, source: std::io::Error) -> PortError {
        PortError::Interface { interface: self.spec.interface().to_owned(), doing: "send to", source }
    }
}

impl Port for DevicePort {
    fn receive(
        &mut self,
        _now_ns: u64,
        limit: usize,
        take: &mut dyn FnMut(Received<'_>) -> bool,
    ) -> Result<usize, PortError> {
        if self.gone {
            return Err(self.is_gone());
        }
        self.wire.receive(limit, take).or_else(|error| self.fault(error))
    }

    fn send(&mut self, frame: &Sent<'_>) -> Result<bool, PortError> {
        if self.spec.offload() && frame::segments_exceed(frame.offload, frame.bytes, self.mtu) {
            self.wire.tally.lose(PortStat::TooLong, 1, "their segments are longer than the interface's MTU");
            return Ok(true);
        }
        self.wire.send(frame).map(|()| true).map_err(|source| self.cannot_send(source))
    }

    fn flush(&mut self) -> Result<(), PortError> {
        let was_down = self.wire.flush().map_err(|source| self.cannot_send(source))?;
        // Whoever sends may have been told instead of whoever receives.
        self.gone |= was_down && !self.socket.is_bound().unwrap_or(true);
        Ok(())
    }

    fn keeps(&self) -> bool {
        false
    }

    fn holds(&self) -> bool {
        true
    }

    fn resume(&mut self, source: u64) -> Result<(), PortError> {
        self.wire.resume(source);
        Ok(())
    }

    fn wakes_by(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn statistics(&mut self) -> PortStatistics {
        self.wire.tally.dropped_by_kernel(self.socket.take_dropped().unwrap_or(0).into());
        self.gone |= !self.socket.is_bound().unwrap_or(true);
        // It may have been changed.
        if let Ok(interface) = open::find(self.spec.interface()) {
            self.mtu = interface.mtu;
        }
        self.wire.figures()
    }
}
