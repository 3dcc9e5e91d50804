//! Small packets as fast as they can be sent.
//!
//! Invariant: what is reported is what the kernel took; what has arrived is for the kernel's counters at the other end to say.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use serde_json::{Value, json};

use crate::Told;

/// The command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The address of the sink.
    #[arg(long)]
    server: IpAddr,
    /// Its port.
    #[arg(long, default_value_t = 7200)]
    sink: u16,
    /// Bytes of a frame, its checksum included as on a wire: at least 64.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(64..=1500))]
    bytes: u16,
    /// Flows to spread the packets over, in turns.
    #[arg(long, default_value_t = 16)]
    flows: usize,
    /// Packets a second; 0: as many as possible.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Seconds to go on if nobody tells it to end.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// Packets handed to the kernel at once.
const BATCH: usize = 64;
/// Ethernet header and checksum, IPv4 and UDP headers.
const HEADERS: usize = 14 + 4 + 20 + 8;

/// Sends until told to end.
pub(crate) fn run(options: &Options, told: &Told) -> io::Result<Value> {
    let server = SocketAddr::new(options.server, options.sink);
    let open = |_| {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(server)?;
        Ok(socket)
    };
    let sockets = (0..options.flows.max(1)).map(open).collect::<io::Result<Vec<UdpSocket>>>()?;
    let payload = vec![0x5a; usize::from(options.bytes) - HEADERS];
    let slices = [IoSlice::new(&payload)];
    let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
        (0..BATCH).map(|_| SendAncillaryBuffer::default()).collect();
    let mut batch: Vec<MMsgHdr<'_>> = controls.iter_mut().map(|control| MMsgHdr::new(&slices, control)).collect();
    let start = Instant::now();
    let end = Duration::from_secs_f64(options.seconds);
    let (mut sent, mut refused) = (0_u64, 0_u64);
    'time: while !told.to_end() {
        for socket in &sockets {
            let elapsed = start.elapsed();
            if elapsed >= end {
                break 'time;
            }
            if options.rate > 0 && sent as f64 > elapsed.as_secs_f64() * options.rate as f64 {
                std::thread::sleep(Duration::from_micros(200));
                continue;
            }
            match sendmmsg(socket, &mut batch, SendFlags::empty()) {
                Ok(taken) => sent += taken as u64,
                Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOBUFS | rustix::io::Errno::AGAIN) => {
                    refused += 1
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(json!({ "seconds": start.elapsed().as_secs_f64(), "sent": sent, "refused": refused }))
}
