//! Who a packet is, and how the next one is chosen.
//!
//! Invariant: an [`Identity`] reads back as it was written, from any frame that ends with it.

/// Which packet this is: written into the last bytes of its payload, so that it can be told from all others wherever
/// it comes out, without a table of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Index of the flow.
    pub(crate) flow: u32,
    /// How often this flow was opened before.
    pub(crate) generation: u32,
    /// Number within its flow and direction, from 0.
    pub(crate) number: u32,
    /// What else the scenario wants to remember of the packet.
    pub(crate) note: u64,
    /// What kind of packet it is to the scenario.
    pub(crate) kind: u8,
}

impl Identity {
    /// Bytes of it in a frame.
    pub(crate) const LEN: usize = 24;

    const MAGIC: [u8; 3] = *b"id\xf7";

    /// As it stands in the frame.
    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[0..8].copy_from_slice(&self.note.to_le_bytes());
        out[8..12].copy_from_slice(&self.flow.to_le_bytes());
        out[12..16].copy_from_slice(&self.generation.to_le_bytes());
        out[16..20].copy_from_slice(&self.number.to_le_bytes());
        out[20] = self.kind;
        out[21..24].copy_from_slice(&Self::MAGIC);
        out
    }

    /// Reads it from the end of a frame; `None` if there is none.
    pub(crate) fn of(frame: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = frame.last_chunk()?;
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        (bytes[21..] == Self::MAGIC).then(|| Self {
            note: u64::from(word(0)) | u64::from(word(4)) << 32,
            flow: word(8),
            generation: word(12),
            number: word(16),
            kind: bytes[20],
        })
    }
}

/// One draw from the generator, used up a few bits at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// A fresh one.
    pub(crate) fn new(rng: &mut dyn rand::Rng) -> Self {
        Self(rng.next_u64())
    }

    /// A number below `n`, roughly uniform; `n` must not be 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let picked = ((self.0 >> 32) * n as u64) >> 32;
        // the next bits: a multiplicative step, as of a linear congruential generator
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        picked as usize
    }

    /// A payload length: mostly small, some medium, a few full.
    pub(crate) fn payload(&mut self) -> usize {
        match self.below(32) {
            0 => 1400,
            1..=4 => 200 + self.below(300),
            _ => 26 + self.below(64),
        }
    }
}
