//! Metadata that cannot be acted upon. Invariant: nothing of the frame has been sent.

/// Why a packet cannot be completed or cut.
///
/// ```
/// use ftmb_netio::offload::OffloadError;
/// let error = OffloadError::Contradiction { what: "the protocol", expected: 6, found: 17 };
/// assert_eq!(error.to_string(), "offload metadata contradicts the frame: the protocol should be 6, found 17");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OffloadError {
    /// The checksum does not lie in the frame.
    #[error("the checksum is at {start} + {offset}, and the frame has {len} bytes")]
    ChecksumOutside {
        /// Where summing starts.
        start: u16,
        /// Where the checksum is, from there.
        offset: u16,
        /// Bytes of the frame.
        len: usize,
    },
    /// A segmentation that is not known here, or that no interface asks for any more.
    #[error("segmentation of kind {found:#x}; expected 1 (TCP over IPv4), 4 (TCP over IPv6) or 5 (UDP)")]
    Kind {
        /// The kind, as in `virtio_net_hdr`.
        found: u8,
    },
    /// Segments without content.
    #[error("segments of 0 bytes; expected at least 1")]
    NoSize,
    /// The frame ends within a header.
    #[error("the frame ends within its headers: expected {expected} bytes, found {found}")]
    Short {
        /// Bytes needed.
        expected: usize,
        /// Bytes there.
        found: usize,
    },
    /// The frame is not what the metadata says.
    #[error("offload metadata contradicts the frame: {what} should be {expected}, found {found}")]
    Contradiction {
        /// What differs.
        what: &'static str,
        /// What the metadata, or what other parts of the frame make of it, asks for.
        expected: usize,
        /// What is there.
        found: usize,
    },
}
