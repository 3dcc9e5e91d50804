//! The header of VXLAN (RFC 7348, section 5). Invariant: only the frames of one network come out.
//!
//! ```text
//! |flags 1: 0x08 = the number is valid|reserved 3|number of the network (VNI) 3|reserved 1|ethernet frame ...
//! ```

use super::super::PortStat;

/// Bytes of the header.
pub(super) const HEADER: usize = 8;
/// The flag that must be set.
const VALID: u8 = 0x08;
/// An Ethernet header.
const SHORTEST: usize = 14;

/// Why a datagram is not handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// It is no VXLAN, or carries less than an Ethernet header.
    Malformed = 0,
    /// It is of another network.
    OtherNetwork = 1,
    /// It comes from somebody else than the remote.
    Stranger = 2,
    /// It is longer than a frame can be.
    TooLong = 3,
}

impl NoFrame {
    pub(super) const ALL: [NoFrame; 4] =
        [NoFrame::Malformed, NoFrame::OtherNetwork, NoFrame::Stranger, NoFrame::TooLong];

    pub(super) fn stat(self) -> PortStat {
        match self {
            NoFrame::Malformed => PortStat::Malformed,
            NoFrame::OtherNetwork => PortStat::OtherNetwork,
            NoFrame::Stranger => PortStat::Stranger,
            NoFrame::TooLong => PortStat::TooLong,
        }
    }

    pub(super) fn why(self) -> &'static str {
        match self {
            NoFrame::Malformed => "what came is no VXLAN datagram with a frame in it",
            NoFrame::OtherNetwork => "they are of another network (vni)",
            NoFrame::Stranger => "they come from another host than the remote",
            NoFrame::TooLong => "longer than 66 KiB",
        }
    }
}

/// The header of a network's frames.
pub(super) fn header(vni: u32) -> [u8; HEADER] {
    let [_, a, b, c] = vni.to_be_bytes();
    [VALID, 0, 0, 0, a, b, c, 0]
}

/// The frame in a datagram. What is reserved is ignored, as the standard asks.
pub(super) fn frame(datagram: &[u8], vni: u32) -> Result<&[u8], NoFrame> {
    let Some(([flags, _, _, _, a, b, c, _], frame)) = datagram.split_first_chunk::<HEADER>() else {
        return Err(NoFrame::Malformed);
    };
    if flags & VALID == 0 || frame.len() < SHORTEST {
        return Err(NoFrame::Malformed);
    }
    if u32::from_be_bytes([0, *a, *b, *c]) != vni {
        return Err(NoFrame::OtherNetwork);
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_header_is_that_of_the_standard() {
        assert_eq!(header(0x12_3456), [0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
        let datagram = |header: [u8; HEADER], length| [&header[..], &vec![9; length]].concat();
        assert_eq!(frame(&datagram(header(7), 14), 7), Ok(&[9; 14][..]));
        assert_eq!(frame(&datagram([0xff, 1, 2, 3, 0, 0, 7, 255], 60), 7), Ok(&[9; 60][..]));
        assert_eq!(frame(&datagram(header(7), 13), 7), Err(NoFrame::Malformed));
        assert_eq!(frame(&datagram([0xf7, 0, 0, 0, 0, 0, 7, 0], 60), 7), Err(NoFrame::Malformed));
        assert_eq!(frame(&datagram(header(8), 60), 7), Err(NoFrame::OtherNetwork));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_frame_or_counted(bytes in proptest::collection::vec(any::<u8>(), 0..100), vni in 0u32..3) {
            if let Ok(frame) = frame(&bytes, vni) {
                prop_assert_eq!(&header(vni)[4..7], &bytes[4..7]);
                prop_assert_eq!(frame, &bytes[HEADER..]);
            }
        }
    }
}
