//! File bytes in and out with several requests in flight: through io_uring, or by plain system calls where io_uring is
//! forbidden (containers, hardened kernels).
//!
//! Invariant: a buffer belongs to the engine from [`FileIo::start`] until the [`Completion`] that hands it back, and no
//! engine is gone before the kernel has let go of every buffer.
//!
//! Which engine serves a file is chosen when the file is opened ([`EngineChoice`]); the choice, and the reason if it is
//! not io_uring, is said once per process through `tracing::info!`.

mod choice;
mod file;
mod fixed;
mod plain;
mod ring;

#[cfg(test)]
mod tests;

pub use choice::{EngineChoice, EngineError};
pub use file::{Completion, DEPTH, EngineKind, FileIo, Operation, Request};
pub use fixed::{ALIGNMENT, AlignedBuffer, FixedWriter};
pub use plain::PlainFile;
pub use ring::{Uring, UringFile, UringUnavailable, probe};
