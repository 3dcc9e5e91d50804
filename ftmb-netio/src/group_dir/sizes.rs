//! How big the logs are. Invariant: each can hold what one input may produce (protocol section 2) and leaves as much again to
//! work with, and all together leave a share of the file system for image and staged deltas.

use ftmb_runtime::log::{LogKind, MAX_PAYLOAD};
use ftmb_runtime::worker::{DET_RESERVE, OUT_RESERVE};

use crate::error::Error;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Share of the free bytes that logs may take, percent.
pub const SHARE: u64 = 75;
/// Smallest `in` log, bytes: several of the largest frames.
pub const MIN_IN: u64 = MIB;
/// Smallest `det` log, bytes: the reserve of 64k words, and as much again.
pub const MIN_DET: u64 = MIB;
/// Smallest `out` log, bytes: the reserve of 1 MiB and 64 frames, and 0.7 MiB to work with.
pub const MIN_OUT: u64 = 2 * MIB;
/// Smallest `ckpt` and port logs, bytes.
const MIN_OTHER: u64 = 512 * KIB;

const _: () = assert!(2 * MIN_OUT >= 3 * OUT_RESERVE && MIN_DET >= 2 * 8 * DET_RESERVE);
const _: () = assert!(MIN_IN >= 8 * MAX_PAYLOAD as u64);

/// Header page and slack of each log's file, rounded up.
const OVERHEAD: u64 = 80 * KIB;

/// Bytes of the logs' rings; powers of two.
///
/// ```
/// use ftmb_netio::group_dir::LogSizes;
/// let sizes = LogSizes::fitting(64 << 20, 2, true).expect("a container's /dev/shm is enough for two cores");
/// assert!(sizes.total(2, true) <= 48 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogSizes {
    /// Each `in` log.
    pub input: u64,
    /// Each `det` log.
    pub det: u64,
    /// Each `out` log.
    pub out: u64,
    /// The `ckpt` log.
    pub ckpt: u64,
    /// `port.in` and `port.out`, each.
    pub port: u64,
}

impl LogSizes {
    /// The smallest that work.
    pub fn smallest() -> LogSizes {
        LogSizes { input: MIN_IN, det: MIN_DET, out: MIN_OUT, ckpt: MIN_OTHER, port: MIN_OTHER }
    }

    /// What the logs are on a machine with memory to spare: 32 MiB of inputs are 0.2 s of small packets at 1 Mpps a core, far
    /// longer than a takeover lasts; more would only cost cache.
    fn largest() -> LogSizes {
        LogSizes { input: 32 * MIB, det: 8 * MIB, out: 8 * MIB, ckpt: 16 * MIB, port: 16 * MIB }
    }

    /// The largest of a ladder of sizes that leaves a quarter of `free` bytes; `None` if not even the smallest do. `in` logs
    /// shrink last: they must hold what arrives while a takeover lasts.
    pub fn fitting(free: u64, cores: usize, ports: bool) -> Option<LogSizes> {
        let limit = free / 100 * SHARE;
        let mut sizes = LogSizes::largest();
        loop {
            if sizes.total(cores, ports) <= limit {
                return Some(sizes);
            }
            let least = LogSizes::smallest();
            let shrunk = |size: u64, least: u64| (size / 2).max(least);
            if sizes.input <= 2 * sizes.out.max(sizes.det) && sizes != (LogSizes { input: sizes.input, ..least }) {
                sizes = LogSizes {
                    input: sizes.input,
                    det: shrunk(sizes.det, least.det),
                    out: shrunk(sizes.out, least.out),
                    ckpt: shrunk(sizes.ckpt, least.ckpt),
                    port: shrunk(sizes.port, least.port),
                };
            } else if sizes.input > least.input {
                sizes.input = shrunk(sizes.input, least.input);
            } else {
                return None;
            }
        }
    }

    /// Bytes of all files of a group.
    pub fn total(&self, cores: usize, ports: bool) -> u64 {
        let per_core = self.input + 2 * (self.det + self.out) + 5 * OVERHEAD;
        let ports = if ports { 2 * (self.port + OVERHEAD) } else { 0 };
        cores as u64 * per_core + self.ckpt + 2 * OVERHEAD + ports
    }

    /// The ring of a kind of log.
    pub(super) fn of(&self, kind: LogKind) -> u64 {
        match kind {
            LogKind::In => self.input,
            LogKind::Det => self.det,
            LogKind::Out => self.out,
            LogKind::Ckpt => self.ckpt,
            LogKind::Port => self.port,
        }
    }

    /// Whether they can work.
    ///
    /// # Errors
    /// [`Error::LogSize`] naming the first that cannot.
    pub fn check(&self) -> Result<(), Error> {
        let least = LogSizes::smallest();
        let all = [
            ("in", self.input, least.input),
            ("det", self.det, least.det),
            ("out", self.out, least.out),
            ("ckpt", self.ckpt, least.ckpt),
            ("port", self.port, least.port),
        ];
        let bad = all.into_iter().find(|&(_, size, least)| size < least || !size.is_power_of_two());
        bad.map_or(Ok(()), |(what, found, expected)| Err(Error::LogSize { what, expected, found }))
    }
}
