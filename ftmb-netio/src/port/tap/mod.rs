//! A tap interface as a port: what this host sends by it comes in, what leaves is received by this host. So a box can stand between a
//! host, its containers or virtual machines, and the rest.
//!
//! Invariant: every frame that is read is handed in once, with what the host left for its interface to do, or counted with a reason;
//! the same holds for what is sent. A link that is down costs the frames sent meanwhile, never the port.
//!
//! What is not taken waits, and `source` merely counts, as with [`device`](super::device). While no gateway is attached, a persistent
//! interface drops what is sent by it; one that is not is gone until the next gateway has made it anew, with its addresses and routes.

mod open;

use std::os::fd::{AsFd, BorrowedFd};

use ftmb_runtime::packet::PortId;
use rustix::io::Errno;

use super::wire::Wire;
use super::{MAX_FRAME, Port, PortError, PortStatistics, Received, Sent, TapSpec, frame};
use crate::uring::{EngineChoice, EngineKind, TapDevice};

/// A port that is a tap interface.
///
/// ```
/// use ftmb_netio::port::tap::TapPort;
/// use ftmb_netio::port::{PortError, TapSpec};
/// use ftmb_netio::uring::EngineChoice;
/// use ftmb_runtime::packet::PortId;
///
/// // `lo` exists and is no tap interface; that, or who may not even ask, has an error of its own.
/// let error = TapPort::open(PortId(0), &TapSpec::new("lo")?, EngineChoice::Auto).unwrap_err();
/// assert!(matches!(error, PortError::NotATap { .. } | PortError::Permission { .. } | PortError::NoTaps { .. }));
/// # Ok::<(), ftmb_netio::port::SpecError>(())
/// ```
#[derive(Debug)]
pub struct TapPort {
    spec: TapSpec,
    wire: Wire,
    device: TapDevice,
    /// What the kernel had dropped when it was last asked.
    dropped: Option<u64>,
    gone: bool,
}

impl TapPort {
    /// Attaches to a tap interface in the network namespace of this thread; makes it, and switches it on, if there is none. One thread
    /// uses the port, from the first frame on.
    ///
    /// # Errors
    /// [`PortError::NoTaps`], [`PortError::Permission`], [`PortError::NotATap`], [`PortError::InterfaceInUse`] and
    /// [`PortError::Engine`] say what is in the way; [`PortError::Interface`] what else the kernel refuses.
    pub fn open(id: PortId, spec: &TapSpec, choice: EngineChoice) -> Result<TapPort, PortError> {
        let device = open::open(spec)?;
        let header = if spec.offload() { frame::HEADER } else { 0 };
        let engine = choice
            .open_device(device.as_fd(), header + MAX_FRAME)
            .map_err(|source| PortError::Engine { path: spec.interface().into(), source })?;
        tracing::info!(interface = spec.interface(), port = id.0, "a tap interface is open");
        Ok(TapPort {
            spec: spec.clone(),
            wire: Wire::new(id, spec.interface(), engine, spec.offload()),
            device,
            dropped: open::dropped(spec.interface()),
            gone: false,
        })
    }

    /// Which kind of engine serves the interface.
    pub fn engine(&self) -> EngineKind {
        self.wire.engine()
    }

    /// The kernel has said something in place of a frame.
    fn fault(&mut self, source: std::io::Error) -> Result<usize, PortError> {
        match Errno::from_io_error(&source) {
            Some(Errno::IO) => Ok(0),
            // The interface was deleted: the descriptor is attached to nothing.
            Some(Errno::BADFD) => {
                self.gone = true;
                Err(self.is_gone())
            }
            _ => Err(self.refused("receive from", source)),
        }
    }

    fn is_gone(&self) -> PortError {
        PortError::InterfaceGone { interface: self.spec.interface().to_owned() }
    }

    fn refused(&self, doing: &'static str, source: std::io::Error) -> PortError {
        PortError::Interface { interface: self.spec.interface().to_owned(), doing, source }
    }
}

impl Port for TapPort {
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
        self.wire.send(frame).map(|()| true).map_err(|source| self.refused("send to", source))
    }

    fn flush(&mut self) -> Result<(), PortError> {
        self.wire.flush().map(drop).map_err(|source| self.refused("send to", source))
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
        Some(self.device.as_fd())
    }

    fn statistics(&mut self) -> PortStatistics {
        let now = open::dropped(self.spec.interface());
        if let (Some(now), Some(before)) = (now, self.dropped) {
            self.wire.tally.dropped_by_kernel(now.saturating_sub(before));
        }
        self.dropped = now;
        self.wire.figures()
    }
}
