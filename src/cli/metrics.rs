//! Answers Prometheus, in the parent: it survives whatever the group survives, and its thread touches nothing that packets pass.
//! Invariant: a client costs at most [`PATIENCE`] and [`MAX_HEAD`] bytes; one is answered at a time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::CommandError;
use super::observe::Observer;
use super::observe::exposition::{self, CONTENT_TYPE};

/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest request, bytes.
const MAX_HEAD: usize = 8192;
/// How soon the thread notices that it is to end.
const ROUND: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// An address that is listened at, by nobody yet: refused before a group is started.
#[derive(Debug)]
pub(super) struct Door(TcpListener);

/// The thread that answers; dropped, it ends.
#[derive(Debug)]
pub(super) struct Endpoint {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    pub(super) fn open(address: SocketAddr) -> Result<Door, CommandError> {
        let refused = |source| CommandError::Metrics { address, source };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        Ok(Door(listener))
    }

    /// Answers with what `observer` sees.
    pub(super) fn answer(self, observer: Observer) -> Result<Endpoint, CommandError> {
        if let Ok(address) = self.0.local_addr() {
            tracing::info!(url = format!("http://{address}/metrics"), "answering Prometheus");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("metrics".into());
        let thread = thread.spawn({
            let stop = Arc::clone(&stop);
            move || serve(&self.0, &observer, &stop)
        });
        Ok(Endpoint { stop, thread: Some(thread.map_err(CommandError::io("starting a thread"))?) })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // Had it panicked, there would be nothing left to do.
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, observer: &Observer, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((stream, client)) => {
                if let Err(error) = converse(stream, observer) {
                    tracing::debug!(%client, %error, "a client of the metrics was not answered");
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // An error is an interruption: it looks again.
                let _ = poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&ROUND));
            }
            Err(error) => {
                tracing::debug!(%error, "a client of the metrics is gone before it could be heard");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn converse(mut stream: TcpStream, observer: &Observer) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    let deadline = Instant::now() + PATIENCE;
    let answer = match head(&mut stream, deadline)? {
        Some(head) => answer(&head, observer),
        None => plain("431 Request Header Fields Too Large", "the request is too long\n"),
    };
    let mut rest = answer.as_bytes();
    while !rest.is_empty() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        match stream.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The request up to its empty line; `None`: it is longer than any that makes sense.
fn head(stream: &mut TcpStream, deadline: Instant) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut some = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Ok(None);
        }
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut some) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => head.extend(&some[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(head))
}

/// The time that is left, if any.
fn left(deadline: Instant) -> std::io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn answer(head: &[u8], observer: &Observer) -> String {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<&str> = std::str::from_utf8(line).unwrap_or_default().split(' ').collect();
    let [method, target, version] = words[..] else { return plain("400 Bad Request", "expected an HTTP request\n") };
    if !version.starts_with("HTTP/1.") {
        return plain("505 HTTP Version Not Supported", "expected HTTP/1\n");
    }
    let path = target.split('?').next().unwrap_or_default();
    match (method, path) {
        ("GET" | "HEAD", "/metrics") => {
            let body = exposition::text(&observer.look());
            let head = response("200 OK", CONTENT_TYPE, body.len(), "");
            if method == "HEAD" { head } else { head + &body }
        }
        ("GET" | "HEAD", _) => plain("404 Not Found", "figures are at /metrics\n"),
        _ => response("405 Method Not Allowed", "text/plain", 0, "Allow: GET, HEAD\r\n"),
    }
}

fn plain(status: &str, body: &str) -> String {
    response(status, "text/plain; charset=utf-8", body.len(), "") + body
}

fn response(status: &str, kind: &str, length: usize, more: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::observe::tests::observer;

    struct Server {
        address: SocketAddr,
        _directory: tempfile::TempDir,
        _endpoint: Endpoint,
    }

    fn server() -> Server {
        let directory = tempfile::tempdir().expect("a directory");
        let door = Door::open("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let address = door.0.local_addr().expect("bound");
        let endpoint = door.answer(observer(directory.path())).expect("a thread");
        Server { address, _directory: directory, _endpoint: endpoint }
    }

    fn ask(server: &Server, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(server.address).expect("somebody listens");
        // A server that has heard enough may have closed.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).expect("text")
    }

    #[test]
    fn figures_are_answered_with_their_type_and_length() {
        let server = server();
        let answer = ask(&server, b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        assert!(body.starts_with("# HELP ftmb_group_info "), "{body}");
        let head = ask(&server, b"HEAD /metrics?all HTTP/1.0\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn what_is_not_understood_is_refused_and_the_next_one_is_answered() {
        let server = server();
        for (request, status) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"GET /metrics SPDY/3\r\n\r\n", "505"),
            (b"\xff\xfe\r\n\r\n", "400"),
            (b"\r\n\r\n", "400"),
        ] {
            let answer = ask(&server, request);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        }
        // Longer than any request: it is read to the limit, not beyond. The refusal may be lost to what was not read.
        let long = ask(&server, &vec![b'x'; 4 * MAX_HEAD]);
        assert!(long.is_empty() || long.starts_with("HTTP/1.1 431 "), "{long}");
        // Says nothing and goes.
        drop(TcpStream::connect(server.address).expect("somebody listens"));
        assert!(ask(&server, b"GET /metrics HTTP/1.1\r\n\r\n").contains(" 200 OK"));
    }

    #[test]
    fn who_says_nothing_does_not_keep_others_waiting_for_ever() {
        let server = server();
        let _silent = TcpStream::connect(server.address).expect("somebody listens");
        assert!(ask(&server, b"GET /metrics HTTP/1.1\r\n\r\n").contains(" 200 OK"));
    }
}
