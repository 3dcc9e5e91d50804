//! A tunnel as a port: Ethernet frames in VXLAN datagrams (RFC 7348). It needs no privileges, and talks to other such ports and to the
//! kernel's own `vxlan` interfaces.
//!
//! Invariant: every datagram is handed in once as the frame that it carries, or counted with a reason; every frame is sent as
//! datagrams that each fit into one packet, or counted. What its sender left for an interface to do is done here before.
//!
//! Datagrams are taken from the remote host only, whatever port it sends from. The remote is never learned: VXLAN has nothing to
//! know a peer by, so whoever sent first could take the place of the peer and get all that leaves. This keeps mistakes out, not
//! attackers who forge addresses: where there may be some, the path between both ends wants to be encrypted.
//!
//! What is sent through the tunnel must leave room for its headers: 50 bytes over IPv4, 70 over IPv6. What does not fit is dropped and
//! counted, not sent in fragments (`ip link set IF mtu 1450` at whoever sends through a tunnel over an MTU of 1500).
//!
//! What is not taken waits, and `source` merely counts, as with [`device`](super::device).

mod vxlan;

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ftmb_runtime::packet::PortId;
use rustix::io::Errno;

use super::inlet::Inlet;
use super::tally::Tally;
use super::wire::push_finished;
use super::{MAX_FRAME, Port, PortError, PortStat, PortStatistics, Received, Sent, UdpSpec};
use crate::uring::{Address, DatagramSocket, EngineChoice, EngineKind, Messages, Shape};
use ftmb_runtime::offload::Offload;
use vxlan::NoFrame;

/// Room for datagrams that wait in the kernel, in bytes per direction.
const WAITING: u32 = 64 << 20;
/// How long a predecessor that has just died may hold the address: the kernel cleans up behind io_uring at leisure.
const PATIENCE: Duration = Duration::from_secs(2);

/// A port that is one end of a tunnel.
///
/// ```
/// use ftmb_netio::port::udp::UdpPort;
/// use ftmb_netio::port::{Port, Sent, UdpSpec};
/// use ftmb_netio::uring::EngineChoice;
/// use ftmb_runtime::offload::Offload;
/// use ftmb_runtime::packet::PortId;
///
/// let (here, there) = ("127.47.89.1:4789".parse()?, "127.47.89.2:4789".parse()?);
/// let mut one = UdpPort::open(PortId(0), &UdpSpec::new(here, there)?, EngineChoice::Auto)?;
/// let mut other = UdpPort::open(PortId(0), &UdpSpec::new(there, here)?, EngineChoice::Auto)?;
/// let (offload, bytes) = (Offload::default(), &[7; 60]);
/// one.send(&Sent { port: PortId(0), core: 0, ordinal: 1, source: 1, arrival: 0, offload, bytes })?;
/// one.flush()?;
/// while other.receive(0, 1, &mut |frame| frame.bytes == [7; 60])? == 0 {}
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UdpPort {
    inlet: Inlet,
    spec: UdpSpec,
    local: SocketAddr,
    engine: Box<dyn Messages>,
    socket: DatagramSocket,
    header: [u8; vxlan::HEADER],
    tally: Tally,
    dropped: u32,
    scratch: Vec<u8>,
}

impl UdpPort {
    /// Opens one end of a tunnel, in the network namespace of this thread. One thread uses the port, from the first frame on.
    ///
    /// # Errors
    /// [`PortError::AddressInUse`], [`PortError::NoAddress`], [`PortError::Engine`]; [`PortError::Tunnel`] for what else the kernel
    /// refuses.
    pub fn open(id: PortId, spec: &UdpSpec, choice: EngineChoice) -> Result<UdpPort, PortError> {
        let socket = bind(spec)?;
        let local = socket.local().map_err(|source| refused(spec, "bind to", source))?;
        let shape = Shape { name: Address::LONGEST, control: 0, payload: vxlan::HEADER + MAX_FRAME };
        let engine = choice
            .open_datagrams(socket.as_fd(), shape, spec.remote())
            .map_err(|source| PortError::Engine { path: format!("the tunnel {local}").into(), source })?;
        tracing::info!(%local, remote = %spec.remote(), vni = spec.vni(), port = id.0, "a tunnel is open");
        Ok(UdpPort {
            inlet: Inlet::new(id),
            spec: spec.clone(),
            local,
            engine,
            socket,
            header: vxlan::header(spec.vni()),
            tally: Tally::new(&local.to_string()),
            dropped: 0,
            scratch: Vec::new(),
        })
    }

    /// Which kind of engine serves the tunnel.
    pub fn engine(&self) -> EngineKind {
        self.engine.kind()
    }

    /// Where datagrams come in: with the port that was chosen, if 0 was asked for.
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

fn bind(spec: &UdpSpec) -> Result<DatagramSocket, PortError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match DatagramSocket::bind(spec.local(), WAITING) {
            Ok(socket) => return Ok(socket),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::ADDRINUSE) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(source) => return Err(refused(spec, "bind to", source)),
        }
    }
}

fn refused(spec: &UdpSpec, doing: &'static str, source: std::io::Error) -> PortError {
    let local = spec.local();
    match Errno::from_io_error(&source) {
        Some(Errno::ADDRINUSE) => PortError::AddressInUse { local },
        Some(Errno::ADDRNOTAVAIL) => PortError::NoAddress { local },
        _ => PortError::Tunnel { local, doing, source },
    }
}

impl Port for UdpPort {
    fn receive(
        &mut self,
        _now_ns: u64,
        limit: usize,
        take: &mut dyn FnMut(Received<'_>) -> bool,
    ) -> Result<usize, PortError> {
        let UdpPort { inlet, spec, engine, tally, .. } = self;
        let Some(mut taken) = inlet.offer_held(take) else { return Ok(0) };
        let mut lost = [0; NoFrame::ALL.len()];
        let received = engine.receive(limit.saturating_sub(taken), &mut |message| {
            let frame = if message.truncated {
                Err(NoFrame::TooLong)
            } else if Address::read(message.name).is_none_or(|(from, _)| from != spec.remote().ip()) {
                Err(NoFrame::Stranger)
            } else {
                vxlan::frame(message.payload, spec.vni())
            };
            match frame {
                Ok(bytes) => {
                    let done = inlet.offer(Offload::default(), bytes, take);
                    taken += usize::from(done);
                    done
                }
                Err(reason) => {
                    lost[reason as usize] += 1;
                    true
                }
            }
        });
        tally.add(PortStat::Received, taken as u64);
        for reason in NoFrame::ALL {
            tally.lose(reason.stat(), lost[reason as usize], reason.why());
        }
        received.map(|_| taken).map_err(|source| refused(&self.spec, "receive at", source))
    }

    fn send(&mut self, frame: &Sent<'_>) -> Result<bool, PortError> {
        let UdpPort { engine, header, tally, scratch, .. } = self;
        let pushed = push_finished(&mut **engine, header, frame, scratch, tally);
        pushed.map(|()| true).map_err(|source| refused(&self.spec, "send from", source))
    }

    fn flush(&mut self) -> Result<(), PortError> {
        self.engine.flush().map_err(|source| refused(&self.spec, "send from", source))?;
        self.tally.sent(self.engine.sends());
        Ok(())
    }

    fn keeps(&self) -> bool {
        false
    }

    fn holds(&self) -> bool {
        true
    }

    fn resume(&mut self, source: u64) -> Result<(), PortError> {
        self.inlet.resume(source);
        Ok(())
    }

    fn wakes_by(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn statistics(&mut self) -> PortStatistics {
        let now = self.socket.dropped().unwrap_or(self.dropped);
        self.tally.dropped_by_kernel(now.wrapping_sub(self.dropped).into());
        self.dropped = now;
        self.tally.figures()
    }
}
