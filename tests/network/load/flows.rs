//! UDP flows that ask which address and port the server sees.
//!
//! Invariant: each flow has a socket of its own, so what the server sees is the middlebox's doing; a change is reported with
//! both addresses, also one that is undone later.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Told;
use crate::answers::{self, ANSWER, Question};

/// The command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The address of the server.
    #[arg(long)]
    server: IpAddr,
    /// Its port.
    #[arg(long, default_value_t = 7100)]
    udp: u16,
    /// How many flows.
    #[arg(long, default_value_t = 100)]
    flows: u32,
    /// Milliseconds between two questions of a flow.
    #[arg(long, default_value_t = 50)]
    every: u64,
    /// Seconds to go on if nobody tells it to end.
    #[arg(long, default_value_t = 3600.0)]
    seconds: f64,
    /// Milliseconds to wait for answers at the end.
    #[arg(long, default_value_t = 2000)]
    patience: u64,
}

struct Flow {
    socket: UdpSocket,
    sent: u64,
    answered: u64,
    seen: Option<SocketAddrV4>,
    changes: Vec<String>,
    unanswered: HashMap<u64, Instant>,
    slowest: Duration,
}

/// Asks until told to end.
pub(crate) fn run(options: &Options, told: &Told) -> io::Result<Value> {
    let server = SocketAddr::new(options.server, options.udp);
    let mut flows = (0..options.flows).map(|_| Flow::open(server)).collect::<io::Result<Vec<Flow>>>()?;
    let (start, every) = (Instant::now(), Duration::from_millis(options.every));
    let end = start + Duration::from_secs_f64(options.seconds);
    let mut duplicates = 0;
    let mut round = 0;
    while !told.to_end() && Instant::now() < end {
        for (number, flow) in flows.iter_mut().enumerate() {
            duplicates += flow.hear()?;
            flow.ask(number as u32)?;
        }
        round += 1;
        std::thread::sleep((start + every * round).saturating_duration_since(Instant::now()));
    }
    let seconds = start.elapsed().as_secs_f64();
    let last = Instant::now();
    while flows.iter().any(|flow| !flow.unanswered.is_empty())
        && last.elapsed() < Duration::from_millis(options.patience)
    {
        for flow in &mut flows {
            duplicates += flow.hear()?;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let seen = flows.iter().filter_map(|flow| flow.seen).collect::<std::collections::HashSet<_>>().len();
    Ok(json!({
        "seconds": seconds,
        "flows": flows.len(),
        "addresses": seen,
        "sent": flows.iter().map(|flow| flow.sent).sum::<u64>(),
        "answered": flows.iter().map(|flow| flow.answered).sum::<u64>(),
        "lost": flows.iter().map(|flow| flow.unanswered.len()).sum::<usize>(),
        "duplicated": duplicates,
        "changed": flows.iter().filter(|flow| !flow.changes.is_empty()).count(),
        "changes": flows.iter().flat_map(|flow| &flow.changes).take(5).collect::<Vec<_>>(),
        "silent": flows.iter().filter(|flow| flow.answered == 0).count(),
        "slowest_ms": flows.iter().map(|flow| flow.slowest.as_millis() as u64).max(),
    }))
}

impl Flow {
    fn open(server: SocketAddr) -> io::Result<Flow> {
        let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let (changes, unanswered) = (Vec::new(), HashMap::new());
        Ok(Flow { socket, sent: 0, answered: 0, seen: None, changes, unanswered, slowest: Duration::ZERO })
    }

    fn ask(&mut self, flow: u32) -> io::Result<()> {
        let question = Question { flow, number: self.sent };
        match self.socket.send(&question.encode()) {
            Ok(_) => {
                self.unanswered.insert(self.sent, Instant::now());
                self.sent += 1;
                Ok(())
            }
            // An ICMP error about an earlier one: that one will be missing.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads the answers that have come; how many came twice.
    fn hear(&mut self) -> io::Result<u64> {
        let (mut bytes, mut twice) = ([0; ANSWER + 1], 0);
        loop {
            let length = match self.socket.recv(&mut bytes) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(twice),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            let (question, seen) = answers::read(&bytes[..length])
                .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "an answer that is none"))?;
            match self.unanswered.remove(&question.number) {
                Some(asked) => self.slowest = self.slowest.max(asked.elapsed()),
                None => twice += 1,
            }
            self.answered += 1;
            match self.seen.replace(seen) {
                Some(before) if before != seen => {
                    let local = self.socket.local_addr()?;
                    self.changes.push(format!("{local}: {before} became {seen} at question {}", question.number));
                }
                _ => {}
            }
        }
    }
}
