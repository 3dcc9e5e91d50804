//! Which engine serves a file or a socket: asked for, told by the environment, or found by the probe.
//!
//! Invariant: nobody gets another engine than the one they asked for by name; only [`EngineChoice::Auto`] chooses.

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::str::FromStr;
use std::sync::Once;

use thiserror::Error;

use super::address::Address;
use super::file::{EngineKind, FileIo};
use super::message_door::Door;
use super::message_files::PlainFrames;
use super::message_plain::PlainMessages;
use super::message_ring::MessageRing;
use super::messages::{Messages, Shape};
use super::plain::PlainFile;
use super::ring::{UringUnavailable, probe};

/// How the engine of a file or a socket is chosen.
///
/// ```
/// use ftmb_netio::uring::{EngineChoice, EngineKind};
///
/// let engine = EngineChoice::Plain.open(tempfile::tempfile()?)?;
/// assert_eq!(engine.kind(), EngineKind::Plain);
/// assert_eq!("uring".parse::<EngineChoice>()?, EngineChoice::Uring);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// What the environment variable [`EngineChoice::VARIABLE`] says; without it, io_uring if it may be used.
    #[default]
    Auto,
    /// Plain system calls.
    Plain,
    /// io_uring, or an error.
    Uring,
}

/// Why a file or a socket got no engine.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// io_uring was asked for by name and cannot be used.
    #[error(transparent)]
    Unavailable(#[from] UringUnavailable),
    /// The system refuses what every engine needs.
    #[error("the engine can not be set up")]
    System(#[from] std::io::Error),
    /// No engine has this name.
    #[error("unknown engine `{found}` (expected auto, plain or uring)")]
    Unknown {
        /// The name.
        found: String,
    },
}

static SAID: Once = Once::new();
static SAID_OF_SOCKETS: Once = Once::new();

impl EngineChoice {
    /// The environment variable that [`EngineChoice::Auto`] looks at for files: `auto`, `plain` or `uring`.
    pub const VARIABLE: &str = "FTMB_FILE_IO";
    /// The same for sockets: interfaces, overlays.
    pub const SOCKET_VARIABLE: &str = "FTMB_SOCKET_IO";

    /// An engine for `file`, which must be seekable.
    ///
    /// # Errors
    /// [`EngineError`] if io_uring is insisted on where it cannot be used, or the environment names no engine.
    pub fn open(self, file: File) -> Result<Box<dyn FileIo>, EngineError> {
        let (engine, reason) = self.decide(file, || std::env::var_os(EngineChoice::VARIABLE))?;
        SAID.call_once(|| say(engine.kind(), &reason, "files are read and written"));
        Ok(engine)
    }

    /// An engine for the messages of a socket, which must not block.
    ///
    /// # Errors
    /// [`EngineError`] if io_uring is insisted on where it cannot be used, the environment names no engine, or memory is short.
    ///
    /// ```
    /// use ftmb_netio::uring::{EngineChoice, Shape};
    /// use std::os::fd::AsFd;
    ///
    /// let (here, there) = std::os::unix::net::UnixDatagram::pair()?;
    /// let shape = Shape { name: 0, control: 0, payload: 1500 };
    /// let mut engine = EngineChoice::Auto.open_messages(here.as_fd(), shape)?;
    /// there.send(b"hello")?;
    /// let mut seen = Vec::new();
    /// while seen.is_empty() {
    ///     engine.receive(16, &mut |message| {
    ///         seen.push(message.payload.to_vec());
    ///         true
    ///     })?;
    /// }
    /// assert_eq!(seen, [b"hello"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_messages(self, fd: BorrowedFd<'_>, shape: Shape) -> Result<Box<dyn Messages>, EngineError> {
        self.choose(fd, Door::socket(shape, None), || Ok(Box::new(PlainMessages::open(fd, shape, None)?)))
    }

    /// An engine for the datagrams of a socket that is connected to nobody and must not block: they come from anybody, and go to `to`.
    ///
    /// # Errors
    /// As [`EngineChoice::open_messages`].
    ///
    /// ```
    /// use ftmb_netio::uring::{EngineChoice, Shape};
    /// use std::net::UdpSocket;
    /// use std::os::fd::AsFd;
    ///
    /// let (here, there) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// here.set_nonblocking(true)?;
    /// let shape = Shape { name: 0, control: 0, payload: 1500 };
    /// let mut engine = EngineChoice::Auto.open_datagrams(here.as_fd(), shape, there.local_addr()?)?;
    /// engine.push(b"hel", b"lo")?;
    /// engine.flush()?;
    /// assert_eq!(there.recv_from(&mut [0; 10])?, (5, here.local_addr()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_datagrams(
        self,
        fd: BorrowedFd<'_>,
        shape: Shape,
        to: SocketAddr,
    ) -> Result<Box<dyn Messages>, EngineError> {
        let to = Some(Address::from(to));
        self.choose(fd, Door::socket(shape, to), || Ok(Box::new(PlainMessages::open(fd, shape, to)?)))
    }

    /// An engine for the messages of a character device that hands over one with each `read` and takes one with each `write`, such
    /// as a tap interface; it must not block. No message is longer than `payload` bytes.
    ///
    /// # Errors
    /// As [`EngineChoice::open_messages`].
    ///
    /// ```
    /// use ftmb_netio::uring::{EngineChoice, EngineKind};
    /// use std::os::fd::AsFd;
    ///
    /// // What can be read and written like that without privileges: the two ends of a pair of sockets.
    /// let (here, there) = std::os::unix::net::UnixDatagram::pair()?;
    /// here.set_nonblocking(true)?;
    /// let mut engine = EngineChoice::Plain.open_device(here.as_fd(), 1500)?;
    /// engine.push(b"hel", b"lo")?;
    /// assert_eq!((there.recv(&mut [0; 10])?, engine.sends().sent), (5, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_device(self, fd: BorrowedFd<'_>, payload: usize) -> Result<Box<dyn Messages>, EngineError> {
        self.choose(fd, Door::device(payload), || Ok(Box::new(PlainFrames::open(fd, payload)?)))
    }

    fn choose(
        self,
        fd: BorrowedFd<'_>,
        door: Door,
        plain: impl FnOnce() -> Result<Box<dyn Messages>, EngineError>,
    ) -> Result<Box<dyn Messages>, EngineError> {
        let (choice, reason) = self.resolve(EngineChoice::SOCKET_VARIABLE, std::env::var_os)?;
        let (engine, reason): (Box<dyn Messages>, _) = match choice {
            EngineChoice::Plain => (plain()?, reason),
            EngineChoice::Uring => (Box::new(MessageRing::open(fd, door)?), reason),
            EngineChoice::Auto => match MessageRing::open(fd, door) {
                Ok(ring) => (Box::new(ring), "the probe passed".to_owned()),
                Err(reason) => (plain()?, reason.to_string()),
            },
        };
        SAID_OF_SOCKETS.call_once(|| say(engine.kind(), &reason, "interfaces are read and written"));
        Ok(engine)
    }

    /// What the environment makes of `Auto`, and the reason.
    fn resolve(
        self,
        variable: &'static str,
        look_up: impl FnOnce(&'static str) -> Option<OsString>,
    ) -> Result<(EngineChoice, String), EngineError> {
        match (self, (self == EngineChoice::Auto).then(|| look_up(variable)).flatten()) {
            (EngineChoice::Auto, Some(name)) => Ok((name.to_string_lossy().parse()?, format!("{variable} says so"))),
            (asked, _) => Ok((asked, "asked for".to_owned())),
        }
    }

    pub(super) fn decide(
        self,
        file: File,
        variable: impl FnOnce() -> Option<OsString>,
    ) -> Result<(Box<dyn FileIo>, String), EngineError> {
        let (choice, reason) = self.resolve(EngineChoice::VARIABLE, |_| variable())?;
        match choice {
            EngineChoice::Plain => Ok((Box::new(PlainFile::new(file)), reason)),
            EngineChoice::Uring => Ok((Box::new(probe()?.serve(file)), reason)),
            EngineChoice::Auto => match probe() {
                Ok(ring) => Ok((Box::new(ring.serve(file)), "the probe passed".to_owned())),
                Err(reason) => Ok((Box::new(PlainFile::new(file)), reason.to_string())),
            },
        }
    }
}

fn say(engine: EngineKind, reason: &str, what: &str) {
    let engine = match engine {
        EngineKind::Uring => "io_uring",
        EngineKind::Plain => "plain system calls",
    };
    tracing::info!(engine, reason, "{what}");
}

impl FromStr for EngineChoice {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<EngineChoice, EngineError> {
        match name {
            "auto" => Ok(EngineChoice::Auto),
            "plain" => Ok(EngineChoice::Plain),
            "uring" => Ok(EngineChoice::Uring),
            _ => Err(EngineError::Unknown { found: name.to_owned() }),
        }
    }
}
