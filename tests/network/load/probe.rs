//! One question at a time, at a steady pace, over UDP.
//!
//! Invariant: the pace does not depend on answers: what is late is sent late, but nothing is left out. The longest outage is the
//! longest time between two answers, less the time between two questions; a probe that was itself kept from running for that
//! long says so.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
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
    /// Questions a second.
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Seconds to go on if nobody tells it to end.
    #[arg(long, default_value_t = 3600.0)]
    seconds: f64,
    /// Milliseconds to wait for answers at the end.
    #[arg(long, default_value_t = 2000)]
    patience: u64,
}

/// Of round trips; what takes longer is counted as this.
const LONGEST: Duration = Duration::from_secs(60);

struct Probe {
    socket: UdpSocket,
    /// When each question was asked, and whether it was answered.
    asked: Vec<(Instant, bool)>,
    round_trips: Histogram<u64>,
    duplicated: u64,
    overtaken: u64,
    last: Option<(Instant, u64)>,
    longest: Duration,
}

/// Asks until told to end.
pub(crate) fn run(options: &Options, told: &Told) -> io::Result<Value> {
    let server = SocketAddr::new(options.server, options.udp);
    let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    let round_trips = Histogram::new_with_max(LONGEST.as_nanos() as u64, 3).expect("three digits are possible");
    let mut probe = Probe {
        socket,
        asked: Vec::new(),
        round_trips,
        duplicated: 0,
        overtaken: 0,
        last: None,
        longest: Duration::ZERO,
    };
    let interval = Duration::from_secs(1) / options.rate;
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(options.seconds);
    let (mut next, mut away, mut before) = (start, Duration::ZERO, start);
    while !told.to_end() && next < end {
        probe.listen(next)?;
        let now = Instant::now();
        away = away.max(now.duration_since(before));
        before = now;
        if now < next {
            continue;
        }
        probe.ask(now)?;
        next += interval;
    }
    let seconds = start.elapsed().as_secs_f64();
    let patience = Instant::now() + Duration::from_millis(options.patience);
    while probe.asked.iter().any(|(_, answered)| !answered) && Instant::now() < patience {
        probe.listen(patience)?;
    }
    let answered = probe.asked.iter().filter(|(_, answered)| *answered).count();
    let at = |quantile| probe.round_trips.value_at_quantile(quantile) as f64 / 1e3;
    Ok(json!({
        "seconds": seconds,
        "sent": probe.asked.len(),
        "answered": answered,
        "lost": probe.asked.len() - answered,
        "duplicated": probe.duplicated,
        "overtaken": probe.overtaken,
        "longest_outage_us": probe.longest.saturating_sub(interval).as_micros() as u64,
        "probe_away_us": away.saturating_sub(interval).as_micros() as u64,
        "round_trip_us": { "p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": at(1.0) },
    }))
}

impl Probe {
    fn ask(&mut self, now: Instant) -> io::Result<()> {
        let question = Question { flow: 0, number: self.asked.len() as u64 };
        self.asked.push((now, false));
        match self.socket.send(&question.encode()) {
            Ok(_) => Ok(()),
            // Counted as lost, which it is.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::WouldBlock) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads answers until there are none, having waited for the first at most until then.
    fn listen(&mut self, until: Instant) -> io::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; ANSWER + 1];
        loop {
            let length = match self.socket.recv(&mut bytes) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            let entry = answers::read(&bytes[..length])
                .and_then(|(question, _)| Some((question.number, self.asked.get_mut(question.number as usize)?)));
            let (number, (asked, answered)) =
                entry.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "an answer that is none"))?;
            if std::mem::replace(answered, true) {
                self.duplicated += 1;
                continue;
            }
            self.round_trips.saturating_record(now.duration_since(*asked).as_nanos() as u64);
            if let Some((last, before)) = self.last {
                self.longest = self.longest.max(now.duration_since(last));
                self.overtaken += u64::from(number < before);
            }
            self.last = Some((now, number));
        }
    }
}
