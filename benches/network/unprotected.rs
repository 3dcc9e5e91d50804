//! The NAT without fault tolerance: the source that is protected, with its attributes dropped, between the same two interfaces.
//!
//! Invariant: it does what a fast single-threaded forwarder must (take a batch, process in place, send a batch) by the same ports,
//! and nothing that protection needs: no logs, no other process, no second copy. It is run in a process of its own: this
//! executable, called with [`COMMAND`].

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use ftmb_netio::port::device::DevicePort;
use ftmb_netio::port::{DeviceSpec, MAX_FRAME, Port, Received, Sent};
use ftmb_netio::uring::EngineChoice;
use ftmb_runtime::packet::{Packet, PortId, Verdict};
use ftmb_unprotected::{Context, Middlebox};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::network::process::Process;
use crate::network::{Lab, lab};
use crate::systems::Running;

/// What this executable is called with to be the box.
pub(crate) const COMMAND: &str = "unprotected-box";

/// Frames taken from a port at once, as a group does.
const BATCH: usize = 64;
/// How long it stays awake without work, as a group does.
const LINGER: Duration = ftmb_runtime::worker::LINGER;
const NAP: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

/// The process in the box's namespace.
#[derive(Debug)]
pub(crate) struct Unprotected(#[allow(dead_code, reason = "ends with it")] Process);

impl Running for Unprotected {}

/// Starts it.
pub(crate) fn start(lab: &Lab) -> Unprotected {
    let this = std::env::current_exe().expect("a benchmark has a path");
    let command = [this.to_str().expect("an UTF-8 path"), COMMAND];
    let mut process = Process::start(&lab.middle, lab.directory(), command);
    process.until("both interfaces", |process| process.text().contains("ready"));
    Unprotected(process)
}

/// Forwards until it is ended.
pub(crate) fn run() -> ! {
    let public: Ipv4Addr = lab::OUTSIDE.parse().expect("an address");
    let nat = ftmb_unprotected::nat_at(public);
    ftmb_unprotected::enter(0);
    let open = |id, interface| {
        let spec = DeviceSpec::new(interface).expect("a name");
        DevicePort::open(PortId(id), &spec, EngineChoice::Auto).expect("the interface can be opened")
    };
    let mut ports = [open(0, "inside"), open(1, "outside")];
    let mut space = vec![0; Packet::space_for(MAX_FRAME)];
    println!("ready");
    let start = Instant::now();
    let mut worked = start;
    loop {
        let now = start.elapsed();
        if turn(&nat, &mut ports, &mut space, now) > 0 {
            worked = Instant::now();
        } else if worked.elapsed() < LINGER {
            std::thread::yield_now();
        } else {
            let descriptors = ports.iter().filter_map(Port::wakes_by);
            let mut fds: Vec<_> = descriptors.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
            // Interrupted or not, the next turn looks.
            let _ = poll(&mut fds, Some(&NAP));
        }
    }
}

/// Takes, processes and sends one batch in each direction; how many frames came.
fn turn(nat: &impl Middlebox, ports: &mut [DevicePort; 2], space: &mut [u8], now: Duration) -> usize {
    let now = ftmb_runtime::time::Instant::from_nanos(now.as_nanos() as u64);
    let mut taken = 0;
    for from in 0..2 {
        // A verdict may send a frame back to where it came from, which has no room for it while it hands frames in.
        let (mut back, mut emitted) = (Vec::new(), Vec::new());
        let [inside, outside] = ports;
        let (source, other) = if from == 0 { (inside, outside) } else { (outside, inside) };
        let result = source.receive(0, BATCH, &mut |frame: Received<'_>| {
            let mut packet = Packet::new(space, frame.bytes, frame.port, now, 0).with_offload(frame.offload);
            let mut cx = Context { now, core: 0, cores: 1, emitted: &mut emitted };
            match nat.process(&mut packet, &mut cx) {
                Verdict::Forward(port) if port == frame.port => back.push((packet.offload(), packet.bytes().to_vec())),
                Verdict::Forward(port) => {
                    let (offload, bytes) = (packet.offload(), packet.bytes());
                    let sent = Sent { port, core: 0, ordinal: 0, source: 0, arrival: 0, offload, bytes };
                    other.send(&sent).expect("the interface is there");
                }
                Verdict::Drop => {}
            }
            true
        });
        taken += result.expect("the interface is there");
        other.flush().expect("the interface is there");
        for (offload, bytes) in &back {
            let (port, offload) = (PortId(from), *offload);
            source.send(&Sent { port, core: 0, ordinal: 0, source: 0, arrival: 0, offload, bytes }).expect("is there");
        }
        if !back.is_empty() {
            source.flush().expect("the interface is there");
        }
    }
    taken
}
