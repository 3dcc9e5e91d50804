//! What two interfaces as ports can do with nothing between them: frames of 64 bytes per second, and TCP with 64 KiB frames, by
//! io_uring and by plain system calls, interleaved. Needs root (namespaces and veth pairs of its own). Besides what passed per
//! second it prints what passed per second of the forwarder's own CPU time, which says more on a machine with other work.
//!
//! ```text
//! cargo bench -p ftmb-netio --bench forwarding            [-- ROUNDS]
//! sender ── veth ── left │ forwarder, one thread │ right ── veth ── receiver        each in a namespace of its own
//! ```

#[path = "../tests/namespaces/mod.rs"]
mod namespaces;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ftmb_netio::port::device::DevicePort;
use ftmb_netio::port::{DeviceSpec, Port, PortStat, Sent};
use ftmb_netio::uring::EngineChoice;
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use namespaces::Namespace;

const SECONDS: u64 = 2;

fn open(interface: &str, engine: EngineChoice) -> DevicePort {
    let spec = DeviceSpec::new(interface).expect("a name");
    DevicePort::open(PortId(0), &spec, engine).expect("root, and an interface that was just made")
}

fn sent(offload: Offload, bytes: &[u8]) -> Sent<'_> {
    Sent { port: PortId(0), core: 0, ordinal: 1, source: 1, arrival: 0, offload, bytes }
}

/// Forwards both ways until told to stop; returns frames forwarded, and seconds of CPU time.
fn forward(engine: EngineChoice, stop: &AtomicBool) -> (u64, f64) {
    let (mut left, mut right) = (open("left", engine), open("right", engine));
    let mut frames = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut pass = |from: &mut DevicePort, to: &mut DevicePort| {
            let passed = from.receive(0, 64, &mut |frame| to.send(&sent(frame.offload, frame.bytes)).expect("sent"));
            frames += passed.expect("received") as u64;
            to.flush().expect("sent");
        };
        pass(&mut left, &mut right);
        pass(&mut right, &mut left);
    }
    let lost = [left.statistics(), right.statistics()].map(|port| port.lost() - port.get(PortStat::DroppedByKernel));
    assert_eq!(lost, [0, 0]);
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    (frames, time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

fn topology() -> Option<[Namespace; 3]> {
    let (sender, middle, receiver) = (Namespace::new()?, Namespace::new()?, Namespace::new()?);
    middle.connect("left", &sender, "eth0", "10.1.0.1/24");
    middle.connect("right", &receiver, "eth0", "10.1.0.2/24");
    Some([sender, middle, receiver])
}

/// Millions of short frames forwarded per second, and per second of CPU time, while as many come as one thread can send.
fn short_frames(engine: EngineChoice) -> Option<[f64; 2]> {
    let [sender, middle, _receiver] = topology()?;
    let stop = AtomicBool::new(false);
    let (frames, cpu, elapsed) = std::thread::scope(|scope| {
        let started = Instant::now();
        let forwarder = scope.spawn(|| middle.run(|| forward(engine, &stop)));
        scope.spawn(|| {
            sender.run(|| {
                let mut port = open("eth0", EngineChoice::Plain);
                let mut bytes = vec![2; 60];
                (bytes[12], bytes[13]) = (0x88, 0xb5);
                while !stop.load(Ordering::Relaxed) {
                    (0..64).for_each(|_| drop(port.send(&sent(Offload::default(), &bytes))));
                    port.flush().expect("sent");
                }
            })
        });
        std::thread::sleep(Duration::from_secs(SECONDS));
        stop.store(true, Ordering::Relaxed);
        let (frames, cpu) = forwarder.join().expect("forwarded");
        (frames, cpu, started.elapsed())
    });
    Some([frames as f64 / elapsed.as_secs_f64() / 1e6, frames as f64 / cpu / 1e6])
}

/// Gigabits of one TCP stream per second, and per second of CPU time.
fn tcp(engine: EngineChoice) -> Option<[f64; 2]> {
    let [sender, middle, receiver] = topology()?;
    let (stop, bytes) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let forwarder = scope.spawn(|| middle.run(|| forward(engine, &stop)));
        let listener = receiver.run(|| TcpListener::bind("10.1.0.2:5000").expect("a free port"));
        scope.spawn(|| {
            sender.run(|| {
                let mut stream = TcpStream::connect("10.1.0.2:5000").expect("connected");
                // Nothing moves any more once the forwarder has stopped.
                stream.set_write_timeout(Some(Duration::from_millis(200))).expect("not zero");
                let block = vec![7; 1 << 17];
                while !stop.load(Ordering::Relaxed) {
                    if stream.write_all(&block).is_err() {
                        break;
                    }
                }
            })
        });
        let (mut stream, _) = listener.accept().expect("accepted");
        let (stop, bytes) = (&stop, &bytes);
        scope.spawn(move || {
            stream.set_read_timeout(Some(Duration::from_millis(200))).expect("not zero");
            let mut block = vec![0; 1 << 17];
            while let Ok(length @ 1..) = stream.read(&mut block) {
                bytes.fetch_add(length as u64, Ordering::Relaxed);
            }
        });
        std::thread::sleep(Duration::from_millis(300));
        let (before, started) = (bytes.load(Ordering::Relaxed), Instant::now());
        std::thread::sleep(Duration::from_secs(SECONDS));
        let rate = (bytes.load(Ordering::Relaxed) - before) as f64 * 8.0 / started.elapsed().as_secs_f64() / 1e9;
        let all = bytes.load(Ordering::Relaxed) as f64 * 8.0 / 1e9;
        stop.store(true, Ordering::Relaxed);
        let (_, cpu) = forwarder.join().expect("forwarded");
        Some([rate, all / cpu])
    })
}

fn main() {
    let rounds = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(3);
    println!("{:>8} {:>12} {:>12} {:>14} {:>14}", "engine", "64 B, Mpps", "per CPU s", "TCP, Gbit/s", "per CPU s");
    for _ in 0..rounds {
        for (name, engine) in [("io_uring", EngineChoice::Uring), ("plain", EngineChoice::Plain)] {
            let (Some([frames, per_cpu]), Some([rate, bits])) = (short_frames(engine), tcp(engine)) else { return };
            println!("{name:>8} {frames:>12.3} {per_cpu:>12.3} {rate:>14.2} {bits:>14.2}");
        }
    }
}
