//! What a group in a test gives back: released outputs, and why it cannot go on.

use ftmb_netio::offload::{OffloadError, pieces};
use ftmb_netio::output_logger::{Outlet, Output as Released};
use ftmb_runtime::frame::{KIND_CONTROL, KIND_PACKET};
use ftmb_runtime::instance::InstanceError;
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;

/// Why a group in a test cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// State, replay or packet code; a [divergence](ftmb_runtime::replayer::Divergence) arrives here.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// Release, activation or the logs.
    #[error(transparent)]
    Netio(#[from] ftmb_netio::Error),
    /// Nothing has moved for a minute.
    #[error("the group hangs: {waiting}")]
    Hangs {
        /// What was waited for.
        waiting: &'static str,
    },
    /// The logs of a run that must keep everything do not.
    #[error(
        "the trace is too long to be kept whole: the {log} log of core {core} is half full after {inputs} bytes of input; shorten it"
    )]
    TooLong {
        /// Which log.
        log: &'static str,
        /// Whose.
        core: usize,
        /// How far the core got in its inputs, bytes.
        inputs: u64,
    },
    /// The state of the recovered master is not what its logs say.
    #[error("recovery is not exact: {what} differs: expected {expected}, found {found}")]
    Inexact {
        /// The variable or output.
        what: String,
        /// What a replay of the logs gives.
        expected: String,
        /// What the master has.
        found: String,
    },
}

/// When a crash happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// At once: every core stops at its next tracked access or wait.
    Now,
    /// At that many tracked accesses from now, counted over all cores.
    AtAccess(u64),
}

/// A released output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The core that produced it.
    pub core: usize,
    /// Its number in the core's sequence.
    pub ordinal: u64,
    /// Where it left.
    pub port: PortId,
    /// Which input it stems from, counted from 1 in the order of [`Group::send`](super::Group::send); the request's number for a control reply.
    pub source: u64,
    /// `None`: a packet; else a control reply, or a refusal (`Err`).
    pub control: Option<Result<(), ()>>,
    /// What is left for the interface to do.
    pub offload: Offload,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Output {
    /// The frames that go on the wire: the checksum completed, the packet cut, as its [`offload`](Self::offload) says.
    ///
    /// # Errors
    /// [`OffloadError`] if that does not fit the packet.
    pub fn frames(&self) -> Result<Vec<Vec<u8>>, OffloadError> {
        let mut frames = Vec::new();
        pieces(&self.bytes, self.offload, &mut Vec::new(), |frame| frames.push(frame.to_vec()))?;
        Ok(frames)
    }
}

/// What has left so far.
#[derive(Debug, Default)]
pub(super) struct Collector(pub(super) Vec<Output>);

impl Outlet for Collector {
    fn send(&mut self, output: &Released<'_>) -> Result<bool, ftmb_netio::Error> {
        let control = match output.kind {
            KIND_PACKET => None,
            KIND_CONTROL => Some(Ok(())),
            _ => Some(Err(())),
        };
        self.0.push(Output {
            core: output.sent.core as usize,
            ordinal: output.sent.ordinal,
            port: output.sent.port,
            source: output.sent.source,
            control,
            offload: output.sent.offload,
            bytes: output.sent.bytes.to_vec(),
        });
        Ok(true)
    }
    fn flush(&mut self) -> Result<(), ftmb_netio::Error> {
        Ok(())
    }
}
