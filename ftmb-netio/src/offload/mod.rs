//! What an interface without offloads cannot be asked to do, done here: checksums completed, segmented packets cut into the frames
//! that go on the wire.
//!
//! Invariant: of a frame and its metadata comes either an error or frames that any interface takes, the same ones that Linux
//! makes in software (`skb_checksum_help`, `tcp_gso_segment`, `__udp_gso_segment`); metadata is never believed against the frame.

mod cut;
mod error;
mod layers;

#[cfg(test)]
mod tests;

use etherparse::checksum::Sum16BitWords;
use ftmb_runtime::offload::{Checksum, Offload};

use cut::Cut;
pub use error::OffloadError;

/// The frames that a packet stands for.
///
/// Any of them can be asked for at any time, so that a port which has run out of room goes on where it stopped.
///
/// ```
/// use etherparse::PacketBuilder;
/// use ftmb_netio::offload::Pieces;
/// use ftmb_runtime::offload::{Checksum, Offload, SegmentKind, Segmentation};
/// let mut packet = Vec::new();
/// let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(5000, 53);
/// builder.write(&mut packet, &[0x55; 2500])?;
/// let cut = Segmentation { kind: SegmentKind::Udp, size: 1000, ecn: false, header_len: 42 };
/// let pieces = Pieces::new(&packet, Offload::new(Checksum::Complete, Some(cut)))?;
/// let mut scratch = Vec::new();
/// let lengths: Vec<usize> = (0..pieces.count()).map(|i| pieces.get(i, &mut scratch).len()).collect();
/// assert_eq!(lengths, [1042, 1042, 542]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    bytes: &'a [u8],
    todo: Todo,
}

/// What has to be done to a packet.
#[derive(Clone, Debug)]
enum Todo {
    Nothing,
    /// Sum up from `start`, write the complement at `at`.
    Complete {
        start: usize,
        at: usize,
    },
    Cut(Cut),
}

impl<'a> Pieces<'a> {
    /// Checks the metadata against the packet.
    ///
    /// # Errors
    /// [`OffloadError`] if it says something that the packet is not, or that is not known here.
    pub fn new(bytes: &'a [u8], offload: Offload) -> Result<Pieces<'a>, OffloadError> {
        let todo = match (offload.segmentation(), offload.checksum()) {
            (Some(segmentation), checksum) => Todo::Cut(Cut::plan(bytes, segmentation, checksum)?),
            (None, _) if offload.is_segmented() => return Err(OffloadError::Kind { found: offload.to_bytes()[1] }),
            (None, Checksum::Partial { start, offset }) => completion(bytes, start, offset)?,
            (None, _) => Todo::Nothing,
        };
        Ok(Pieces { bytes, todo })
    }

    /// How many frames there are; at least one.
    pub fn count(&self) -> usize {
        match &self.todo {
            Todo::Cut(cut) => cut.count(),
            _ => 1,
        }
    }

    /// Frame `i`, from its Ethernet header on. It is built in `scratch` unless it is the packet itself.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn get<'s>(&'s self, i: usize, scratch: &'s mut Vec<u8>) -> &'s [u8] {
        assert!(i < self.count(), "frame {i} of {}", self.count());
        match &self.todo {
            Todo::Nothing => return self.bytes,
            Todo::Complete { start, at } => {
                scratch.clear();
                scratch.extend_from_slice(self.bytes);
                finish(scratch, *start, *at);
            }
            Todo::Cut(cut) => cut.write(self.bytes, i, scratch),
        }
        scratch
    }
}

/// Hands the frames that a packet stands for to `each`, in order, and returns how many there were. See [`Pieces`].
///
/// ```
/// use ftmb_netio::offload::pieces;
/// use ftmb_runtime::offload::{Checksum, Offload};
/// let mut scratch = Vec::new();
/// let frame = [7; 60];
/// assert_eq!(pieces(&frame, Offload::default(), &mut scratch, |piece| assert_eq!(piece, frame))?, 1);
/// let outside = Offload::new(Checksum::Partial { start: 50, offset: 16 }, None);
/// let error = pieces(&frame, outside, &mut scratch, |_| ()).unwrap_err();
/// assert_eq!(error.to_string(), "the checksum is at 50 + 16, and the frame has 60 bytes");
/// # Ok::<(), ftmb_netio::offload::OffloadError>(())
/// ```
///
/// # Errors
/// As [`Pieces::new`]; nothing was handed out then.
pub fn pieces(
    bytes: &[u8],
    offload: Offload,
    scratch: &mut Vec<u8>,
    mut each: impl FnMut(&[u8]),
) -> Result<usize, OffloadError> {
    let pieces = Pieces::new(bytes, offload)?;
    (0..pieces.count()).for_each(|i| each(pieces.get(i, scratch)));
    Ok(pieces.count())
}

/// The packet with its checksum completed, in one piece whatever its length: for capture files, which have no MTU. It is built in
/// `scratch` if there is something to complete.
///
/// ```
/// use ftmb_netio::offload::completed;
/// use ftmb_runtime::offload::{Checksum, Offload};
/// let mut scratch = Vec::new();
/// let partial = Offload::new(Checksum::Partial { start: 2, offset: 0 }, None);
/// assert_eq!(completed(&[9, 9, 0x00, 0x10, 0x12, 0x34], partial, &mut scratch)?, [9, 9, 0xed, 0xbb, 0x12, 0x34]);
/// # Ok::<(), ftmb_netio::offload::OffloadError>(())
/// ```
///
/// # Errors
/// [`OffloadError::ChecksumOutside`].
pub fn completed<'a>(bytes: &'a [u8], offload: Offload, scratch: &'a mut Vec<u8>) -> Result<&'a [u8], OffloadError> {
    let Checksum::Partial { start, offset } = offload.checksum() else { return Ok(bytes) };
    let Todo::Complete { start, at } = completion(bytes, start, offset)? else { return Ok(bytes) };
    scratch.clear();
    scratch.extend_from_slice(bytes);
    finish(scratch, start, at);
    Ok(scratch)
}

fn completion(bytes: &[u8], start: u16, offset: u16) -> Result<Todo, OffloadError> {
    let at = usize::from(start) + usize::from(offset);
    if at + 2 > bytes.len() {
        return Err(OffloadError::ChecksumOutside { start, offset, len: bytes.len() });
    }
    Ok(Todo::Complete { start: start.into(), at })
}

/// Completes a checksum whose field at `at` holds the sum over the pseudo header, for what starts at `start`. Like Linux, it
/// never writes 0: for UDP that would be "no checksum", for TCP both forms of zero are the same.
fn finish(frame: &mut [u8], start: usize, at: usize) {
    let sum = Sum16BitWords::new().add_slice(&frame[start..]).to_ones_complement_with_no_zero();
    frame[at..at + 2].copy_from_slice(&sum.to_ne_bytes());
}
