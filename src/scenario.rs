//! What `demo`, tests and benches send through a middlebox, and how they judge what comes out.
//!
//! Invariant: a scenario sees only what any neighbour on the wire could see, frames in and frames out, so its verdict does not
//! depend on how the middlebox is built or on how often it was killed.

mod generic;

use ftmb_runtime::packet::PortId;

pub(crate) use generic::Generic;

/// Traffic for a middlebox, and the knowledge of what must come out of it.
///
/// One thread calls it. What is sent is handed to the middlebox in this order; what comes out of one core is observed in the order
/// in which it left.
///
/// ```
/// use ftmb::prelude::*;
///
/// /// Numbered packets through a middlebox that passes on all it gets.
/// #[derive(Default)]
/// struct Numbers { sent: u64, arrived: u64 }
///
/// impl Scenario for Numbers {
///     fn ports(&self) -> Vec<String> {
///         vec!["left".into(), "right".into()]
///     }
///     fn next(&mut self, _: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
///         self.sent += 1;
///         Some((PortId(0), self.sent.to_be_bytes().to_vec()))
///     }
///     fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
///         self.arrived += 1;
///         if sent.bytes() == released.bytes() { Ok(()) } else { Err(Contradiction::new("changed on its way")) }
///     }
///     fn finish(&mut self) -> Missing {
///         Missing { packets: self.sent - self.arrived, examples: Vec::new() }
///     }
/// }
///
/// let mut numbers = Numbers::default();
/// let (port, bytes) = numbers.next(&mut rand::rng()).unwrap();
/// let frame = Frame::new(port, bytes, 1);
/// assert!(numbers.observe(&frame, &frame.clone()).is_ok());
/// assert_eq!(numbers.finish().packets, 0);
/// ```
pub trait Scenario: Send {
    /// The names of the ports, in the order of their ids.
    fn ports(&self) -> Vec<String>;

    /// The next packet and the port that it goes into; `None`: nothing to send just now (everybody waits for an answer).
    fn next(&mut self, rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)>;

    /// Judges one packet that came out. `sent` is the input that it stems from.
    ///
    /// # Errors
    /// [`Contradiction`] if it should not have come out, or not like this, given all that came out before.
    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction>;

    /// Called once, after everything that was sent has been processed: what should have come out and did not. What a middlebox
    /// drops by design is not missing.
    fn finish(&mut self) -> Missing;
}

/// A packet that went in or came out.
///
/// ```
/// use ftmb::prelude::*;
/// let frame = Frame::new(PortId(1), b"bytes".to_vec(), 7);
/// assert_eq!((frame.port(), frame.bytes(), frame.number()), (PortId(1), &b"bytes"[..], 7));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    port: PortId,
    bytes: Vec<u8>,
    number: u64,
}

impl Frame {
    /// A packet of a port; the type's example makes one. `number`: that of the input, in the order of sending, from 1.
    pub fn new(port: PortId, bytes: Vec<u8>, number: u64) -> Frame {
        Frame { port, bytes, number }
    }

    /// Makes it another packet, in the same memory.
    pub(crate) fn refill(&mut self, port: PortId, bytes: &[u8], number: u64) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        (self.port, self.number) = (port, number);
    }

    /// The port that it went into or came out of.
    pub fn port(&self) -> PortId {
        self.port
    }

    /// The packet, from its Ethernet header on.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of the input, in the order of sending, from 1; of a released packet: of the input that it stems from.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// What came out contradicts what went in, or what came out before.
///
/// ```
/// let contradiction = ftmb::prelude::Contradiction::new("two flows have port 4000");
/// assert_eq!(contradiction.to_string(), "two flows have port 4000");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Contradiction {
    what: String,
}

impl Contradiction {
    /// A contradiction, in words.
    pub fn new(what: impl Into<String>) -> Contradiction {
        Contradiction { what: what.into() }
    }
}

/// What should have come out and did not.
///
/// ```
/// use ftmb::prelude::Missing;
/// assert_eq!(Missing::default().packets, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// How many packets.
    pub packets: u64,
    /// A few of them, in words.
    pub examples: Vec<String>,
}
