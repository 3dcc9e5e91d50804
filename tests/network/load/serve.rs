//! The servers of all loads, in one thread.
//!
//! Invariant: what is sent over a connection depends on its requests only, and nothing is sent that was not asked for.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use crate::pattern::{self, REQUEST, Request};
use crate::{Told, answers};

/// The command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The address to serve on.
    #[arg(long)]
    address: IpAddr,
    /// The first port for TCP; there are as many as `--ports` says.
    #[arg(long, default_value_t = 7000)]
    tcp: u16,
    /// How many ports for TCP.
    #[arg(long, default_value_t = 8)]
    ports: u16,
    /// The port on which questions over UDP are answered.
    #[arg(long, default_value_t = 7100)]
    udp: u16,
    /// The port to which floods go: nobody reads them, so that they cost no more than the kernel's work.
    #[arg(long, default_value_t = 7200)]
    sink: u16,
}

/// In the place of a connection's number.
const UDP: u64 = u64::MAX;
/// Numbers from here on are listeners.
const LISTENERS: u64 = 1 << 32;
/// How often connections with a rate are given their share.
const PACE: Duration = Duration::from_millis(5);

/// A connection, and what its peer has asked for.
struct Connection {
    stream: TcpStream,
    /// Bytes of the next request so far.
    asked: Vec<u8>,
    answer: Option<Answer>,
    /// Whether the kernel is asked to tell when there is room.
    waits: bool,
}

struct Answer {
    request: Request,
    sent: u64,
    since: Instant,
}

impl Answer {
    /// How far it may be sent by now.
    fn allowed(&self, now: Instant) -> u64 {
        match self.request.rate {
            0 => self.request.bytes,
            rate => (rate as f64 * now.duration_since(self.since).as_secs_f64()) as u64,
        }
        .min(self.request.bytes)
    }
}

/// Serves until told to end.
pub(crate) fn run(options: &Options, told: &Told) -> io::Result<()> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let add = |fd: &dyn AsFd, number| epoll::add(&epoll, fd.as_fd(), epoll::EventData::new_u64(number), READ);
    let mut listeners = Vec::new();
    for port in options.tcp..options.tcp + options.ports {
        let listener = TcpListener::bind(SocketAddr::new(options.address, port))?;
        // More than the standard library asks for: storms come in bursts.
        rustix::net::listen(&listener, 4096)?;
        listener.set_nonblocking(true)?;
        add(&listener, LISTENERS + listeners.len() as u64)?;
        listeners.push(listener);
    }
    let udp = UdpSocket::bind(SocketAddr::new(options.address, options.udp))?;
    udp.set_nonblocking(true)?;
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&udp, 4 << 20);
    add(&udp, UDP)?;
    let sink = UdpSocket::bind(SocketAddr::new(options.address, options.sink))?;
    rustix::net::sockopt::set_socket_recv_buffer_size(&sink, 4096)?;
    println!("ready");

    let mut connections: HashMap<u64, Connection> = HashMap::new();
    let mut paced: Vec<u64> = Vec::new();
    let (mut next, mut paced_at) = (0, Instant::now());
    let mut events = Vec::with_capacity(256);
    while !told.to_end() {
        let timeout = if paced.is_empty() { Duration::from_millis(200) } else { PACE };
        let timeout = Timespec { tv_sec: 0, tv_nsec: timeout.subsec_nanos().into() };
        events.clear();
        match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            match event.data.u64() {
                UDP => answer_all(&udp)?,
                number if number >= LISTENERS => {
                    while let Some(stream) = accept(&listeners[(number - LISTENERS) as usize])? {
                        add(&stream, next)?;
                        connections.insert(next, Connection { stream, asked: Vec::new(), answer: None, waits: false });
                        next += 1;
                    }
                }
                number => {
                    let Some(connection) = connections.get_mut(&number) else { continue };
                    if !connection.go_on(&epoll, number, &mut paced) {
                        connections.remove(&number);
                    }
                }
            }
        }
        if !paced.is_empty() && paced_at.elapsed() >= PACE {
            paced_at = Instant::now();
            for number in std::mem::take(&mut paced) {
                let Some(connection) = connections.get_mut(&number) else { continue };
                if !connection.go_on(&epoll, number, &mut paced) {
                    connections.remove(&number);
                }
            }
        }
    }
    Ok(())
}

const READ: epoll::EventFlags = epoll::EventFlags::IN;
const WRITE: epoll::EventFlags = epoll::EventFlags::IN.union(epoll::EventFlags::OUT);

fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok(Some(stream))
        }
        // Who has given up before being accepted will say so.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => Ok(None),
        Err(error) => Err(error),
    }
}

fn answer_all(udp: &UdpSocket) -> io::Result<()> {
    let mut question = [0; 64];
    loop {
        match udp.recv_from(&mut question) {
            Ok((length, SocketAddr::V4(asker))) => {
                if let Some(answer) = answers::answer(&question[..length], asker) {
                    // An asker who is not reachable counts what he misses.
                    let _ = udp.send_to(&answer, asker);
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            // An ICMP error about an earlier answer.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
    }
}

impl Connection {
    /// Does what can be done now; `false`: it has ended.
    fn go_on(&mut self, epoll: &impl AsFd, number: u64, paced: &mut Vec<u64>) -> bool {
        loop {
            if self.answer.is_none() {
                match self.read_request() {
                    Ok(true) => {}
                    Ok(false) => return self.wait_for(epoll, number, false).is_ok(),
                    Err(_) => return false,
                }
            }
            let Some(answer) = &mut self.answer else { return true };
            let allowed = answer.allowed(Instant::now());
            let mut bytes = [0; 16 << 10];
            while answer.sent < allowed {
                let length = bytes.len().min((allowed - answer.sent) as usize);
                pattern::fill(answer.request.seed, answer.sent, &mut bytes[..length]);
                match self.stream.write(&bytes[..length]) {
                    Ok(written) => answer.sent += written as u64,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        return self.wait_for(epoll, number, true).is_ok();
                    }
                    Err(_) => return false,
                }
            }
            if answer.sent < answer.request.bytes {
                // It is the rate that it waits for.
                if !paced.contains(&number) {
                    paced.push(number);
                }
                return self.wait_for(epoll, number, false).is_ok();
            }
            self.answer = None;
        }
    }

    /// Whether a whole request has come; an error: it never will.
    fn read_request(&mut self) -> io::Result<bool> {
        let mut bytes = [0; REQUEST];
        loop {
            let missing = REQUEST - self.asked.len();
            match self.stream.read(&mut bytes[..missing]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.asked.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if let Ok(whole) = <&[u8; REQUEST]>::try_from(self.asked.as_slice()) {
                let request = Request::decode(whole).ok_or(ErrorKind::InvalidData)?;
                self.asked.clear();
                self.answer = Some(Answer { request, sent: 0, since: Instant::now() });
                return Ok(true);
            }
        }
    }

    fn wait_for(&mut self, epoll: &impl AsFd, number: u64, room: bool) -> io::Result<()> {
        if self.waits != room {
            self.waits = room;
            let flags = if room { WRITE } else { READ };
            epoll::modify(epoll, &self.stream, epoll::EventData::new_u64(number), flags)?;
        }
        Ok(())
    }
}
