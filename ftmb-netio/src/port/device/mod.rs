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

mod frame;
mod open;

use std::os::fd::{AsFd, BorrowedFd};

use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use rustix::io::Errno;

use super::complaint::Complaint;
use super::{DeviceSpec, MAX_FRAME, Port, PortError, PortStat, PortStatistics, Received, Sent};
use crate::offload;
use crate::uring::{EngineChoice, EngineKind, Messages, PacketSocket, Sends, Shape};
use frame::NoFrame;

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
    id: PortId,
    spec: DeviceSpec,
    engine: Box<dyn Messages>,
    socket: PacketSocket,
    mtu: u32,
    next: u64,
    /// A frame that was not taken, and what belongs to it; it is offered first.
    held: Option<(u64, Offload)>,
    held_bytes: Vec<u8>,
    counted: PortStatistics,
    /// What of the engine's counts is in `counted`.
    seen: Sends,
    /// The interface was deleted.
    gone: bool,
    scratch: Vec<u8>,
    down: Complaint,
    lost: Complaint,
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
            id,
            spec: spec.clone(),
            engine,
            socket,
            mtu: interface.mtu,
            next: 1,
            held: None,
            held_bytes: Vec::new(),
            counted: PortStatistics::default(),
            seen: Sends::default(),
            gone: false,
            scratch: Vec::new(),
            down: Complaint::default(),
            lost: Complaint::default(),
        })
    }

    /// Which kind of engine serves the interface.
    pub fn engine(&self) -> EngineKind {
        self.engine.kind()
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
                self.lose(PortStat::Unfinished, "received with an offload that cannot be passed on");
                Ok(0)
            }
            _ => Err(PortError::Interface { interface: interface.to_owned(), doing: "receive from", source }),
        }
    }

    /// Counts a frame that is dropped here.
    fn lose(&mut self, stat: PortStat, why: &str) {
        self.counted.add(stat, 1);
        if let Some(count) = self.lost.now() {
            tracing::warn!(interface = self.spec.interface(), count, why, "frames are dropped");
        }
    }

    /// Takes over what the engine has counted since the last time.
    fn account(&mut self) {
        let (now, before) = (*self.engine.sends(), std::mem::replace(&mut self.seen, *self.engine.sends()));
        self.counted.add(PortStat::Sent, now.sent - before.sent);
        if now.lost() == before.lost() {
            return;
        }
        self.counted.add(PortStat::LinkDown, now.link_down - before.link_down);
        // Whoever sends may have been told instead of whoever receives.
        self.gone |= now.link_down != before.link_down && !self.socket.is_bound().unwrap_or(true);
        self.counted.add(PortStat::QueueFull, now.queue_full - before.queue_full);
        self.counted.add(PortStat::TooLong, now.too_long - before.too_long);
        self.counted.add(PortStat::Refused, now.refused - before.refused);
        if let Some(times) = self.lost.now() {
            let (interface, frames) = (self.spec.interface(), now.lost() - before.lost());
            let reason = now.reason.map(|errno| std::io::Error::from(errno).to_string());
            tracing::warn!(
                interface,
                frames,
                times,
                reason,
                mtu = self.mtu,
                "frames could not be sent and are dropped"
            );
        }
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
        let (port, with_header) = (self.id, self.spec.offload());
        let DevicePort { engine, next, held, held_bytes, counted, scratch, .. } = self;
        let mut taken = 0;
        if let Some((source, offload)) = *held {
            if !take(Received { port, source, offload, bytes: held_bytes }) {
                return Ok(0);
            }
            *held = None;
            taken = 1;
        }
        let (mut too_long, mut malformed, mut unfinished) = (0, 0, 0);
        let received = engine.receive(limit.saturating_sub(taken), &mut |message| {
            if message.truncated {
                too_long += 1;
                return true;
            }
            match frame::received(message.payload, message.control, with_header, scratch) {
                Ok(frame::Frame { offload, bytes }) => {
                    let source = *next;
                    *next += 1;
                    if take(Received { port, source, offload, bytes }) {
                        taken += 1;
                        return true;
                    }
                    held_bytes.clear();
                    held_bytes.extend_from_slice(bytes);
                    *held = Some((source, offload));
                    false
                }
                Err(NoFrame::Malformed) => {
                    malformed += 1;
                    true
                }
                Err(NoFrame::Unfinished) => {
                    unfinished += 1;
                    true
                }
            }
        });
        counted.add(PortStat::Received, taken as u64);
        for (stat, count, why) in [
            (PortStat::TooLong, too_long, "longer than 66 KiB"),
            (PortStat::Malformed, malformed, "too short for an ethernet header"),
            (
                PortStat::Unfinished,
                unfinished,
                "their checksums are not complete, and vnet=no says not to pass that on",
            ),
        ] {
            (0..count).for_each(|_| self.lose(stat, why));
        }
        match received {
            Ok(_) => Ok(taken),
            Err(error) => self.fault(error),
        }
    }

    fn send(&mut self, frame: &Sent<'_>) -> Result<bool, PortError> {
        if !self.spec.offload() {
            return self.send_finished(frame);
        }
        if frame::segments_exceed(frame.offload, frame.bytes, self.mtu) {
            self.lose(PortStat::TooLong, "their segments are longer than the interface's MTU");
            return Ok(true);
        }
        let pushed = self.engine.push(&frame::header(frame.offload), frame.bytes);
        pushed.map(|()| true).map_err(|source| self.cannot_send(source))
    }

    fn flush(&mut self) -> Result<(), PortError> {
        self.engine.flush().map_err(|source| self.cannot_send(source))?;
        self.account();
        Ok(())
    }

    fn keeps(&self) -> bool {
        false
    }

    fn holds(&self) -> bool {
        true
    }

    fn stamped(&mut self, _source: u64) {}

    fn resume(&mut self, source: u64) -> Result<(), PortError> {
        self.next = source;
        Ok(())
    }

    fn exhausted(&self) -> bool {
        false
    }

    fn next_due(&self) -> Option<u64> {
        None
    }

    fn wakes_by(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn statistics(&mut self) -> PortStatistics {
        let dropped = self.socket.take_dropped().unwrap_or(0).into();
        self.counted.add(PortStat::DroppedByKernel, dropped);
        if dropped > 0
            && let Some(times) = self.lost.now()
        {
            let interface = self.spec.interface();
            tracing::warn!(
                interface,
                frames = dropped,
                times,
                "the kernel dropped frames: they came faster than they are taken"
            );
        }
        self.gone |= !self.socket.is_bound().unwrap_or(true);
        // It may have been changed.
        if let Ok(interface) = open::find(self.spec.interface()) {
            self.mtu = interface.mtu;
        }
        self.counted
    }
}

impl DevicePort {
    /// Does here what the sender left for an interface to do, and sends the frames that come of it.
    fn send_finished(&mut self, frame: &Sent<'_>) -> Result<bool, PortError> {
        let DevicePort { engine, scratch, .. } = self;
        let mut pushed = Ok(());
        let cut = offload::pieces(frame.bytes, frame.offload, scratch, |piece| {
            if pushed.is_ok() {
                pushed = engine.push(&[], piece);
            }
        });
        if let Err(error) = cut {
            self.lose(PortStat::Unfinished, &error.to_string());
        }
        pushed.map(|()| true).map_err(|source| self.cannot_send(source))
    }

    fn is_gone(&self) -> PortError {
        PortError::InterfaceGone { interface: self.spec.interface().to_owned() }
    }

    fn cannot_send(&self, source: std::io::Error) -> PortError {
        PortError::Interface { interface: self.spec.interface().to_owned(), doing: "send to", source }
    }
}
