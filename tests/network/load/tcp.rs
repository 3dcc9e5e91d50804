//! Many client-first TCP connections in one thread.
//!
//! Invariant: each connection ends once, either complete (all its answers were right and the server closed after it) or broken
//! for one reason.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::{Timespec, epoll};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde_json::{Value, json};

use crate::pattern::{self, REQUEST, Request};

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose {
    /// Counted under this name.
    pub(crate) name: &'static str,
    /// Bytes of each answer.
    pub(crate) bytes: u64,
    /// Bytes a second at which an answer comes; 0: as fast as possible.
    pub(crate) rate: u64,
    /// Time between an answer and the next question; `None`: one question only.
    pub(crate) again: Option<Duration>,
}

#[derive(Debug)]
enum State {
    Connecting,
    Asking { sent: usize },
    Receiving { received: u64 },
    Resting { until: Instant },
    Closing,
}

struct Connection {
    stream: TcpStream,
    purpose: Purpose,
    request: Request,
    state: State,
    opened: Instant,
    progress: Instant,
}

/// What became of the connections of one purpose.
#[derive(Debug, Default)]
struct Tally {
    opened: u64,
    complete: u64,
    answers: u64,
    bytes: u64,
    broken: BTreeMap<String, u64>,
}

/// Connections, and what became of those before them.
pub(crate) struct Connections {
    epoll: std::os::fd::OwnedFd,
    alive: Vec<Option<Connection>>,
    free: Vec<usize>,
    patience: Duration,
    looked_at: Instant,
    tallies: BTreeMap<&'static str, Tally>,
    /// Microseconds from opening a connection to its first whole answer.
    first_answer: Histogram<u64>,
    examples: Vec<String>,
    next_seed: u64,
    ending: bool,
}

/// How many broken connections are described.
const EXAMPLES: usize = 5;
const BOTH: epoll::EventFlags = epoll::EventFlags::IN.union(epoll::EventFlags::OUT).union(epoll::EventFlags::ET);

impl Connections {
    /// None yet. One that makes no progress for as long as `patience` is broken.
    pub(crate) fn new(patience: Duration) -> io::Result<Connections> {
        Ok(Connections {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            alive: Vec::new(),
            free: Vec::new(),
            patience,
            looked_at: Instant::now(),
            tallies: BTreeMap::new(),
            first_answer: Histogram::new_with_max(3_600_000_000, 3).expect("three digits are possible"),
            examples: Vec::new(),
            next_seed: u64::from(std::process::id()) << 32,
            ending: false,
        })
    }

    /// How many are alive.
    pub(crate) fn alive(&self) -> usize {
        self.alive.len() - self.free.len()
    }

    /// Opens one.
    pub(crate) fn open(&mut self, server: SocketAddr, purpose: Purpose) -> io::Result<()> {
        let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        self.tallies.entry(purpose.name).or_default().opened += 1;
        match rustix::net::connect(&socket, &server) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => {
                self.broken(purpose, &error.into(), &format!("to {server}"));
                return Ok(());
            }
        }
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let place = self.free.pop().unwrap_or_else(|| {
            self.alive.push(None);
            self.alive.len() - 1
        });
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(place as u64), BOTH)?;
        let now = Instant::now();
        self.next_seed += 1;
        let request = Request { seed: self.next_seed, bytes: purpose.bytes, rate: purpose.rate };
        let connection = Connection { stream, purpose, request, state: State::Connecting, opened: now, progress: now };
        self.alive[place] = Some(connection);
        Ok(())
    }

    /// From now on a connection is closed when its answer has come.
    pub(crate) fn end(&mut self) {
        self.ending = true;
    }

    /// Waits for something to happen, for at most `timeout`, and does what is to be done.
    pub(crate) fn turn(&mut self, timeout: Duration) -> io::Result<()> {
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
        let mut events = Vec::with_capacity(256);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events {
            self.go_on(event.data.u64() as usize);
        }
        if self.looked_at.elapsed() > Duration::from_millis(10) {
            self.looked_at = Instant::now();
            for place in 0..self.alive.len() {
                self.look_at(place);
            }
        }
        Ok(())
    }

    /// Has one whose time has come go on, and gives up one that stands still.
    fn look_at(&mut self, place: usize) {
        let Some(connection) = &self.alive[place] else { return };
        match connection.state {
            State::Resting { until } if self.ending || until <= self.looked_at => self.go_on(place),
            State::Resting { .. } => {}
            _ if self.looked_at.duration_since(connection.progress) > self.patience => {
                self.finish(place, Err(ErrorKind::TimedOut.into()));
            }
            _ => {}
        }
    }

    fn go_on(&mut self, place: usize) {
        let Some(mut connection) = self.alive[place].take() else { return };
        let result = connection.go_on(self.ending, |connection| {
            let tally = self.tallies.entry(connection.purpose.name).or_default();
            tally.answers += 1;
            tally.bytes += connection.request.bytes;
            if connection.request.seed & FIRST == 0 {
                self.first_answer.saturating_record(connection.opened.elapsed().as_micros() as u64);
            }
        });
        self.alive[place] = Some(connection);
        match result {
            Ok(false) => {}
            Ok(true) => self.finish(place, Ok(())),
            Err(error) => self.finish(place, Err(error)),
        }
    }

    fn finish(&mut self, place: usize, result: io::Result<()>) {
        let Some(connection) = self.alive[place].take() else { return };
        self.free.push(place);
        match result {
            Ok(()) => self.tallies.entry(connection.purpose.name).or_default().complete += 1,
            Err(error) => {
                let local = connection.stream.local_addr().map_or("?".into(), |local| local.to_string());
                let age = connection.opened.elapsed().as_millis();
                let detail = format!("from {local}, {age} ms old, {:?}", connection.state);
                self.broken(connection.purpose, &error, &detail);
            }
        }
    }

    fn broken(&mut self, purpose: Purpose, error: &io::Error, detail: &str) {
        let reason = match error.kind() {
            ErrorKind::ConnectionReset => "reset".into(),
            ErrorKind::ConnectionRefused => "refused".into(),
            ErrorKind::TimedOut => "timeout".into(),
            ErrorKind::InvalidData => "wrong bytes".into(),
            ErrorKind::UnexpectedEof => "closed early".into(),
            _ => error.to_string(),
        };
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{}: {reason}: {detail}", purpose.name));
        }
        *self.tallies.entry(purpose.name).or_default().broken.entry(reason).or_default() += 1;
    }

    /// What became of all.
    pub(crate) fn report(&self, seconds: f64) -> Value {
        let mut report = json!({ "seconds": seconds, "examples": self.examples });
        for (name, tally) in &self.tallies {
            report[name] = json!({
                "opened": tally.opened, "complete": tally.complete, "answers": tally.answers, "bytes": tally.bytes,
                "broken": tally.broken.values().sum::<u64>(), "reasons": tally.broken,
            });
        }
        let at = |quantile| self.first_answer.value_at_quantile(quantile);
        report["first_answer_us"] = json!({ "p50": at(0.5), "p99": at(0.99), "max": self.first_answer.max() });
        report
    }
}

/// Set in the seed of all requests but a connection's first.
const FIRST: u64 = 1 << 63;

impl Connection {
    /// Does what can be done now; `true`: it is complete.
    fn go_on(&mut self, ending: bool, mut answered: impl FnMut(&Connection)) -> io::Result<bool> {
        let mut bytes = [0; 16 << 10];
        loop {
            match self.state {
                State::Connecting => {
                    if let Some(error) = self.stream.take_error()? {
                        return Err(error);
                    }
                    if self.stream.peer_addr().is_err() {
                        return Ok(false);
                    }
                    self.state = State::Asking { sent: 0 };
                }
                State::Asking { sent } => {
                    match self.stream.write(&self.request.encode()[sent..]) {
                        Ok(more) if sent + more == REQUEST => self.state = State::Receiving { received: 0 },
                        Ok(more) => self.state = State::Asking { sent: sent + more },
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                        Err(error) => return Err(error),
                    }
                    self.progress = Instant::now();
                }
                State::Receiving { received } if received == self.request.bytes => {
                    answered(self);
                    let now = Instant::now();
                    self.state = match self.purpose.again {
                        Some(pause) if !ending => State::Resting { until: now + pause },
                        _ => {
                            self.stream.shutdown(Shutdown::Write)?;
                            State::Closing
                        }
                    };
                }
                State::Receiving { received } => {
                    let length = bytes.len().min((self.request.bytes - received) as usize);
                    match self.stream.read(&mut bytes[..length]) {
                        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                        Ok(length) if !pattern::matches(self.request.seed, received, &bytes[..length]) => {
                            return Err(ErrorKind::InvalidData.into());
                        }
                        Ok(length) => self.state = State::Receiving { received: received + length as u64 },
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                        Err(error) => return Err(error),
                    }
                    self.progress = Instant::now();
                }
                State::Resting { until } => {
                    // Nothing was asked for, so whatever comes is wrong.
                    match self.stream.read(&mut bytes) {
                        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                        Ok(_) => return Err(ErrorKind::InvalidData.into()),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                    let now = Instant::now();
                    if !ending && until > now {
                        return Ok(false);
                    }
                    // Its question and answer would tell nothing new after the last one, but that it is still alive now.
                    self.request.seed = self.request.seed.wrapping_add(1 << 40) | FIRST;
                    self.progress = now;
                    self.state = State::Asking { sent: 0 };
                }
                State::Closing => match self.stream.read(&mut bytes) {
                    Ok(0) => return Ok(true),
                    Ok(_) => return Err(ErrorKind::InvalidData.into()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error),
                },
            }
        }
    }
}
