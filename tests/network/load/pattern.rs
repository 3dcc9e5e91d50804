//! The bytes that travel: a stream that both ends can compute from its seed, at any position.
//!
//! Invariant: two streams differ, and so do two places of one stream, as far as eight bytes can.
//!
//! A request, all numbers little-endian:
//!
//! ```text
//!  0        4        8                16               24               32
//! +--------+--------+----------------+----------------+----------------+
//! | "FTMB" |   0    | seed           | bytes to send  | bytes a second |
//! +--------+--------+----------------+----------------+----------------+
//! ```

/// Bytes of a request.
pub(crate) const REQUEST: usize = 32;

/// What a client asks a server for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Of the stream that comes back.
    pub(crate) seed: u64,
    /// Its length.
    pub(crate) bytes: u64,
    /// Bytes a second; 0: as fast as possible.
    pub(crate) rate: u64,
}

impl Request {
    /// As bytes on the wire.
    pub(crate) fn encode(&self) -> [u8; REQUEST] {
        let mut bytes = [0; REQUEST];
        bytes[..4].copy_from_slice(b"FTMB");
        bytes[8..16].copy_from_slice(&self.seed.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[24..].copy_from_slice(&self.rate.to_le_bytes());
        bytes
    }

    /// From the wire; `None`: these are no request's bytes.
    pub(crate) fn decode(bytes: &[u8; REQUEST]) -> Option<Request> {
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        (bytes[..8] == *b"FTMB\0\0\0\0").then(|| Request { seed: number(8), bytes: number(16), rate: number(24) })
    }
}

/// Writes the stream's bytes from position `at` on.
pub(crate) fn fill(seed: u64, at: u64, bytes: &mut [u8]) {
    let mut word = [0; 8];
    for (i, byte) in bytes.iter_mut().enumerate() {
        let position = at + i as u64;
        if i == 0 || position.is_multiple_of(8) {
            word = mixed(seed ^ (position / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes();
        }
        *byte = word[(position % 8) as usize];
    }
}

/// Whether these are the stream's bytes from position `at` on.
pub(crate) fn matches(seed: u64, at: u64, bytes: &[u8]) -> bool {
    let mut expected = [0; 4096];
    let mut at = at;
    bytes.chunks(expected.len()).all(|chunk| {
        let expected = &mut expected[..chunk.len()];
        fill(seed, at, expected);
        at += chunk.len() as u64;
        expected == chunk
    })
}

/// The finalizer of splitmix64.
fn mixed(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
