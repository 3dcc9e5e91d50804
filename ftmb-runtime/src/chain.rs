//! The hash chain over a core's outputs, by which recovery checks that replay regenerates what was released (protocol section 4).
//!
//! Invariant: the same in every process of one build; it covers port, length, offload
//! metadata and the first [`COVERED`] bytes of every frame.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::offload::Offload;

/// Bytes of a frame that the chain covers.
pub const COVERED: usize = 128;

/// The chain with one more output.
///
/// ```
/// use ftmb_runtime::chain::extend;
/// use ftmb_runtime::offload::Offload;
/// let none = Offload::default();
/// let one = extend(0, 1, none, b"packet");
/// assert_eq!(one, extend(0, 1, none, b"packet"));
/// assert_ne!(one, extend(0, 2, none, b"packet"));
/// assert_ne!(extend(one, 1, none, b"next"), extend(0, 1, none, b"next"));
/// ```
#[inline]
pub fn extend(chain: u64, port: u16, offload: Offload, bytes: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0x6674_6d62).build_hasher();
    hasher.write_u64(chain);
    hasher.write_u64(((bytes.len() as u64) << 16) | u64::from(port));
    if !offload.is_none() {
        hasher.write(&offload.to_bytes());
    }
    hasher.write(&bytes[..bytes.len().min(COVERED)]);
    hasher.finish()
}
