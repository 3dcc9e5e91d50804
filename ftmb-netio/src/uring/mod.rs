//! Bytes in and out with several requests in flight: through io_uring, or by plain system calls where io_uring is
//! forbidden (containers, hardened kernels). [`FileIo`] moves file bytes by position, [`Messages`] frames and datagrams;
//! [`PacketSocket`] and [`TapDevice`] are the doors to an interface, [`DatagramSocket`] to an overlay; [`Sleeper`] waits for frames and for a bell at the same time.
//!
//! Invariant: a buffer belongs to the kernel from the request that names it until the completion that hands it back, and no
//! engine is gone before the kernel has let go of every buffer. Nothing outside this module is `unsafe`.
//!
//! Which engine serves a file or a socket is chosen when it is opened ([`EngineChoice`]); the choice, and the reason if it
//! is not io_uring, is said once per process through `tracing::info!`.

mod address;
mod buffers;
mod choice;
mod datagram_socket;
mod file;
mod fixed;
mod interface;
mod message_door;
mod message_files;
mod message_plain;
mod message_ring;
mod messages;
mod packet_socket;
mod plain;
mod ring;
mod sleeper;
mod slots;
mod socket_option;
mod tap_device;

#[cfg(test)]
mod message_tests;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use choice::{EngineChoice, EngineError};
pub use datagram_socket::DatagramSocket;
pub use file::{Completion, DEPTH, EngineKind, FileIo, Operation, Request};
pub use fixed::{ALIGNMENT, AlignedBuffer, FixedWriter};
pub use interface::Interface;
pub use messages::{Message, Messages, SLOT, SLOTS, Sends, Shape};
pub use packet_socket::PacketSocket;
pub use plain::PlainFile;
pub use ring::{Uring, UringFile, UringUnavailable, probe};
pub use sleeper::Sleeper;
pub use tap_device::{TapDevice, TapStep};
