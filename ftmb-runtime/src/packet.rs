//! The packet as packet code sees it, and the ports it moves between.
//!
//! Invariant: the bytes lie in the core's `out` log already (one copy from `in`), with [`ROOM`] bytes to grow at either end.

use std::fmt;

use crate::offload::Offload;
use crate::time::Instant;

/// Bytes by which a packet may grow at its front, and again at its back.
pub const ROOM: usize = 256;

/// A port, by its place in the group's port table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct PortId(pub u16);

crate::state::whole::whole_state! { PortId, "ftmb::PortId"; }

/// The group's ports: names to ids.
///
/// ```
/// use ftmb_runtime::packet::{PortId, Ports};
/// let ports = Ports::new(["inside", "outside"]);
/// assert_eq!(ports.id("outside")?, PortId(1));
/// let error = ports.id("dmz").unwrap_err();
/// assert_eq!(error.to_string(), "no port is named `dmz`; expected one of inside, outside");
/// # Ok::<(), ftmb_runtime::packet::PortError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ports {
    names: Vec<String>,
}

/// A port that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no port is named `{name}`; expected one of {}", expected.join(", "))]
pub struct PortError {
    /// The name asked for.
    pub name: String,
    /// The names there are.
    pub expected: Vec<String>,
}

impl Ports {
    /// Ports of these names, numbered from 0.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Ports {
        Ports { names: names.into_iter().map(Into::into).collect() }
    }

    /// The id of a name.
    ///
    /// # Errors
    /// [`PortError`] with the names there are.
    pub fn id(&self, name: &str) -> Result<PortId, PortError> {
        let found = self.names.iter().position(|known| known == name);
        found.map(|at| PortId(at as u16)).ok_or_else(|| PortError { name: name.into(), expected: self.names.clone() })
    }

    /// All ports in order.
    pub fn names(&self) -> impl Iterator<Item = (PortId, &str)> {
        self.names.iter().enumerate().map(|(at, name)| (PortId(at as u16), name.as_str()))
    }

    /// How many ports there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves by this port.
    Forward(PortId),
    /// It does not leave.
    Drop,
}

/// A packet cannot grow that much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for {wanted} more bytes; expected at most {left}")]
pub struct RoomError {
    /// Bytes asked for.
    pub wanted: usize,
    /// Bytes left at that end.
    pub left: usize,
}

/// One packet on its way through the middlebox.
pub struct Packet<'a> {
    space: &'a mut [u8],
    start: usize,
    end: usize,
    /// Room behind the packet that belongs to the front until the packet is shifted.
    shiftable: usize,
    port: PortId,
    arrival: Instant,
    flow_hash: u32,
    offload: Offload,
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet").field("port", &self.port).field("len", &self.bytes().len()).finish_non_exhaustive()
    }
}

impl<'a> Packet<'a> {
    /// A packet of `bytes` in a space of at least [`space_for`](Self::space_for) their length.
    ///
    /// ```
    /// use ftmb_runtime::packet::{Packet, PortId};
    /// use ftmb_runtime::time::Instant;
    /// let mut space = vec![0; Packet::space_for(5)];
    /// let mut packet = Packet::new(&mut space, b"hello", PortId(0), Instant::default(), 7);
    /// packet.prepend(4)?.copy_from_slice(b"tag:");
    /// packet.append(1)?[0] = b'!';
    /// assert_eq!(packet.bytes(), b"tag:hello!");
    /// packet.trim_front(4);
    /// packet.truncate(4);
    /// assert_eq!(packet.bytes(), b"hell");
    /// assert!(packet.prepend(300).is_err());
    /// # Ok::<(), ftmb_runtime::packet::RoomError>(())
    /// ```
    ///
    /// # Panics
    /// If the space is too small.
    #[inline]
    pub fn new(space: &'a mut [u8], bytes: &[u8], port: PortId, arrival: Instant, flow_hash: u32) -> Packet<'a> {
        assert!(space.len() >= Packet::space_for(bytes.len()), "space for a packet and its room");
        space[..bytes.len()].copy_from_slice(bytes);
        Packet {
            start: 0,
            end: bytes.len(),
            shiftable: ROOM,
            space,
            port,
            arrival,
            flow_hash,
            offload: Offload::default(),
        }
    }

    /// The same packet with what its interface said of it.
    #[inline]
    #[must_use]
    pub fn with_offload(self, offload: Offload) -> Packet<'a> {
        Packet { offload, ..self }
    }

    /// What the stack that sent it left for the interface to do: the checksum may be partial, and one packet may stand for
    /// several segments (and then be up to 64 KiB long). It leaves as it came, positions moved along with
    /// [`prepend`](Self::prepend) and [`trim_front`](Self::trim_front).
    ///
    /// Packet code that changes what a transport checksum covers updates the checksum, and how depends on its state:
    ///
    /// | [`Checksum`](crate::offload::Checksum) | the field holds | an address changes | a port or the payload changes |
    /// | --- | --- | --- | --- |
    /// | `Partial` | the sum over the pseudo header, *not* complemented | add the change to it: `f' = f - old + new` | nothing to do: the interface sums it up |
    /// | `Complete`, `Verified` | the complement of the sum over everything | RFC 1624: `f' = !(!f - old + new)` | likewise |
    ///
    /// All sums are one's complement sums of 16-bit words. The length in the pseudo header of a segmented packet is that of the
    /// whole packet. A UDP checksum of 0 means that there is none, but only where it is not partial. The checksum of an IPv4
    /// header is always complete. Of a segmented packet, IPv4 identification and TCP sequence number are those of the first
    /// segment. Code that only looks, or changes what no transport checksum covers (Ethernet and VLAN headers, TTL), need not care.
    #[inline]
    pub fn offload(&self) -> Offload {
        self.offload
    }

    /// Says something else of the packet: after its headers were changed in a way that moves the transport header other than by
    /// growing at the front, or after the checksum was completed.
    #[inline]
    pub fn set_offload(&mut self, offload: Offload) {
        self.offload = offload;
    }

    /// Bytes of space that a packet of this length needs.
    #[inline]
    pub const fn space_for(len: usize) -> usize {
        len + 2 * ROOM
    }

    /// The packet, from its Ethernet header on.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.space[self.start..self.end]
    }

    /// The packet, to change in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.space[self.start..self.end]
    }

    /// Grows the packet by `n` bytes at its front and returns them, zero.
    ///
    /// # Errors
    /// [`RoomError`] beyond [`ROOM`] bytes; the packet is as it was.
    pub fn prepend(&mut self, n: usize) -> Result<&mut [u8], RoomError> {
        if self.start < n && self.start + self.shiftable >= n {
            // The first growth at the front moves the packet once; most packets never do.
            self.space.copy_within(self.start..self.end, self.start + self.shiftable);
            self.start += self.shiftable;
            self.end += self.shiftable;
            self.shiftable = 0;
        }
        if self.start < n {
            return Err(RoomError { wanted: n, left: self.start + self.shiftable });
        }
        self.start -= n;
        self.offload = self.offload.moved(n as isize);
        let grown = &mut self.space[self.start..self.start + n];
        grown.fill(0);
        Ok(grown)
    }

    /// Cuts `n` bytes (at most all) off the front.
    pub fn trim_front(&mut self, n: usize) {
        let cut = n.min(self.end - self.start);
        self.start += cut;
        self.offload = self.offload.moved(-(cut as isize));
    }

    /// Grows the packet by `n` bytes at its back and returns them, zero.
    ///
    /// # Errors
    /// [`RoomError`] beyond [`ROOM`] bytes; the packet is as it was.
    pub fn append(&mut self, n: usize) -> Result<&mut [u8], RoomError> {
        let left = self.space.len() - self.shiftable - self.end;
        if left < n {
            return Err(RoomError { wanted: n, left });
        }
        self.end += n;
        // Never what an earlier packet left there: replay would see something else.
        let grown = &mut self.space[self.end - n..self.end];
        grown.fill(0);
        Ok(grown)
    }

    /// Shortens the packet to `len` bytes; longer is no change.
    pub fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.start + len);
    }

    /// The port it came in by.
    #[inline]
    pub fn port(&self) -> PortId {
        self.port
    }

    /// When it came in.
    #[inline]
    pub fn arrival(&self) -> Instant {
        self.arrival
    }

    /// Symmetric hash of its flow: the same in both directions; it picked the core.
    #[inline]
    pub fn flow_hash(&self) -> u32 {
        self.flow_hash
    }

    /// Where the packet lies in its space.
    #[inline]
    pub(crate) fn extent(&self) -> (usize, usize) {
        (self.start, self.end)
    }
}
