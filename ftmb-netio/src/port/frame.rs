//! A frame as an interface hands it over (packet socket or tap device), and as it stands in the logs. Invariant: what leaves this module is a whole Ethernet
//! frame as it was on the wire, its tag in place, with metadata that counts from its first byte.
//!
//! For a packet socket the kernel takes the (outer) VLAN tag out of a frame and tells it beside; it is put back where it was:
//!
//! ```text
//! received            |virtio_net_hdr 10|destination 6|source 6|type 2|...
//! and tagged      |... 6 ...|destination 6|source 6|TPID 2|TCI 2|type 2|...     moved to the front, over the header
//!
//! beside it (control data)   |length|level|type|  status 4  length 4  captured 4  mac 2  net 2  TCI 2  TPID 2  |
//!                            cmsghdr              tpacket_auxdata
//! ```

use ftmb_runtime::offload::{Checksum, Offload, SegmentKind};

/// Bytes of the offload header in front of a frame: `struct virtio_net_hdr`.
pub(super) const HEADER: usize = 10;
/// Room for the control data that comes with a frame.
pub(super) const CONTROL: usize = CMSG_HEAD + AUXDATA.next_multiple_of(size_of::<usize>());
const CMSG_HEAD: usize = size_of::<usize>() + 8;
const AUXDATA: usize = size_of::<libc::tpacket_auxdata>();
const _: () = assert!(CMSG_HEAD == size_of::<libc::cmsghdr>() && AUXDATA == 20);

/// Two addresses of an Ethernet header.
const ADDRESSES: usize = 12;
const TAG: usize = 4;
/// The type of a tag whose type the kernel does not tell.
const VLAN: u16 = 0x8100;

/// A frame that came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) offload: Offload,
    pub(super) bytes: &'a [u8],
}

/// Why something is not handed in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// Too short for what must be in it.
    Malformed,
    /// Its checksum is not complete, and there is no metadata to say so.
    Unfinished,
}

/// What the kernel told beside a frame.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Beside {
    /// The checksum is partial.
    unfinished: bool,
    /// TPID and TCI of the tag that was taken out.
    tag: Option<[u8; TAG]>,
}

fn beside(control: &[u8]) -> Beside {
    let word =
        |at: usize| control.get(at..at + 4).map_or(0, |bytes| u32::from_ne_bytes(bytes.try_into().expect("4 bytes")));
    let half =
        |at: usize| control.get(at..at + 2).map_or(0, |bytes| u16::from_ne_bytes(bytes.try_into().expect("2 bytes")));
    let level = word(size_of::<usize>()) as i32;
    let kind = word(size_of::<usize>() + 4) as i32;
    if control.len() < CMSG_HEAD + AUXDATA || level != libc::SOL_PACKET || kind != libc::PACKET_AUXDATA {
        return Beside::default();
    }
    let status = word(CMSG_HEAD);
    let tag = (status & libc::TP_STATUS_VLAN_VALID != 0).then(|| {
        let (tci, told) = (half(CMSG_HEAD + 16), half(CMSG_HEAD + 18));
        let tpid = if status & libc::TP_STATUS_VLAN_TPID_VALID != 0 { told } else { VLAN };
        let ([a, b], [c, d]) = (tpid.to_be_bytes(), tci.to_be_bytes());
        [a, b, c, d]
    });
    Beside { unfinished: status & libc::TP_STATUS_CSUMNOTREADY != 0, tag }
}

/// The frame in `payload`, which begins with an offload header if `with_header`. `scratch` holds it if its tag has no room in front.
pub(super) fn received<'a>(
    payload: &'a mut [u8],
    control: &[u8],
    with_header: bool,
    scratch: &'a mut Vec<u8>,
) -> Result<Frame<'a>, NoFrame> {
    let beside = beside(control);
    if !with_header {
        if beside.unfinished {
            return Err(NoFrame::Unfinished);
        }
        if payload.len() < ADDRESSES {
            return Err(NoFrame::Malformed);
        }
        let Some(tag) = beside.tag else { return Ok(Frame { offload: Offload::default(), bytes: payload }) };
        scratch.clear();
        scratch.extend_from_slice(&payload[..ADDRESSES]);
        scratch.extend_from_slice(&tag);
        scratch.extend_from_slice(&payload[ADDRESSES..]);
        return Ok(Frame { offload: Offload::default(), bytes: scratch });
    }
    if payload.len() < HEADER + ADDRESSES {
        return Err(NoFrame::Malformed);
    }
    let mut header = [0; Offload::LEN];
    header[..HEADER].copy_from_slice(&payload[..HEADER]);
    let offload = Offload::from_bytes(header);
    let Some(tag) = beside.tag else { return Ok(Frame { offload, bytes: &payload[HEADER..] }) };
    let start = HEADER - TAG;
    payload.copy_within(HEADER..HEADER + ADDRESSES, start);
    payload[start + ADDRESSES..HEADER + ADDRESSES].copy_from_slice(&tag);
    Ok(Frame { offload: offload.moved(TAG as isize), bytes: &payload[start..] })
}

/// The offload header of a frame to send.
pub(super) fn header(offload: Offload) -> [u8; HEADER] {
    let bytes = offload.to_bytes();
    std::array::from_fn(|at| bytes[at])
}

/// Whether segments of this frame would be longer than an interface with this MTU takes: the kernel cuts, but does not check.
pub(super) fn segments_exceed(offload: Offload, bytes: &[u8], mtu: u32) -> bool {
    let Some(cut) = offload.segmentation() else { return false };
    let Checksum::Partial { start, .. } = offload.checksum() else { return false };
    let start = usize::from(start);
    let transport = match cut.kind {
        SegmentKind::Tcp4 | SegmentKind::Tcp6 => {
            bytes.get(start + 12).map_or(20, |offset| usize::from(offset >> 4) * 4)
        }
        SegmentKind::Udp => 8,
        // Cut into fragments that fit.
        _ => return false,
    };
    start - link_header(bytes).min(start) + transport + usize::from(cut.size) > mtu as usize
}

/// Bytes of the Ethernet header with its tags.
fn link_header(bytes: &[u8]) -> usize {
    let mut at = ADDRESSES;
    while matches!(bytes.get(at..at + 2), Some([0x81, 0x00] | [0x88, 0xa8])) {
        at += TAG;
    }
    at + 2
}

#[cfg(test)]
mod tests {
    use ftmb_runtime::offload::Segmentation;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn auxdata(status: u32, tci: u16, tpid: u16) -> Vec<u8> {
        let mut control = (CMSG_HEAD + AUXDATA).to_ne_bytes().to_vec();
        control.extend_from_slice(&libc::SOL_PACKET.to_ne_bytes());
        control.extend_from_slice(&libc::PACKET_AUXDATA.to_ne_bytes());
        control.extend_from_slice(&status.to_ne_bytes());
        control.extend_from_slice(&[0; 12]);
        control.extend_from_slice(&tci.to_ne_bytes());
        control.extend_from_slice(&tpid.to_ne_bytes());
        control
    }

    const FRAME: [u8; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 20, 21, 22, 23, 24, 25];
    const TAGGED: u32 = libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_VLAN_TPID_VALID;

    #[test]
    fn a_tag_is_put_back_and_positions_move_along() {
        let partial = Offload::new(Checksum::Partial { start: 34, offset: 16 }, None);
        let tagged = [&FRAME[..12], &[0x81, 0, 0x20, 0x05], &FRAME[12..]].concat();
        let mut payload = [&header(partial)[..], &FRAME].concat();
        let (control, mut scratch) = (auxdata(TAGGED, 0x2005, VLAN), Vec::new());
        let frame = received(&mut payload, &control, true, &mut scratch).unwrap();
        assert_eq!(frame, Frame { offload: partial.moved(4), bytes: &tagged });
        let frame = received(&mut FRAME.to_vec(), &control, false, &mut scratch).map(|frame| frame.bytes.to_vec());
        assert_eq!(frame.unwrap(), tagged);
    }

    #[test]
    fn an_untagged_frame_is_what_it_was() {
        let control = auxdata(0, 0x2005, VLAN);
        let mut payload = [&header(Offload::default())[..], &FRAME].concat();
        let mut scratch = Vec::new();
        let frame = received(&mut payload, &control, true, &mut scratch).unwrap();
        assert_eq!(frame, Frame { offload: Offload::default(), bytes: &FRAME });
        assert_eq!(beside(&[]), Beside::default());
    }

    #[test]
    fn what_is_cut_short_or_unfinished_is_refused() {
        let mut scratch = Vec::new();
        assert_eq!(received(&mut [0; 21], &[], true, &mut scratch).unwrap_err(), NoFrame::Malformed);
        assert_eq!(received(&mut [0; 11], &[], false, &mut scratch).unwrap_err(), NoFrame::Malformed);
        let unfinished = auxdata(libc::TP_STATUS_CSUMNOTREADY, 0, 0);
        assert_eq!(received(&mut FRAME.to_vec(), &unfinished, false, &mut scratch).unwrap_err(), NoFrame::Unfinished);
    }

    #[test]
    fn segments_are_measured_without_ethernet_header_and_tags() {
        let cut = Segmentation { kind: SegmentKind::Tcp4, size: 1448, ecn: false, header_len: 66 };
        let mut bytes = vec![0; 3000];
        (bytes[12], bytes[13], bytes[34 + 12]) = (8, 0, 0x80);
        let offload = Offload::new(Checksum::Partial { start: 34, offset: 16 }, Some(cut));
        assert!(!segments_exceed(offload, &bytes, 1500));
        assert!(segments_exceed(offload, &bytes, 1499));
        (bytes[12], bytes[13], bytes[16], bytes[17], bytes[38 + 12]) = (0x81, 0, 8, 0, 0x80);
        assert!(!segments_exceed(offload.moved(4), &bytes, 1500));
        assert!(!segments_exceed(Offload::default(), &bytes, 100));
    }

    proptest::proptest! {
        /// Whatever the kernel, or whoever is behind a tap interface, hands over.
        #[test]
        fn any_bytes_are_a_frame_or_refused_and_can_be_judged(
            payload in vec(any::<u8>(), 0..200), anything in vec(any::<u8>(), 0..60), told in any::<[u32; 2]>(),
            real in any::<bool>(), with_header in any::<bool>(), mtu in any::<u32>(),
        ) {
            let control = if real { auxdata(told[0], told[1] as u16, (told[1] >> 16) as u16) } else { anything };
            let (mut bytes, mut scratch) = (payload.clone(), Vec::new());
            let tag = beside(&control).tag.map_or(0, |_| TAG);
            let head = if with_header { HEADER } else { 0 };
            match received(&mut bytes, &control, with_header, &mut scratch) {
                Ok(frame) => {
                    prop_assert_eq!(frame.bytes.len(), payload.len() - head + tag);
                    prop_assert_eq!(&frame.bytes[..ADDRESSES], &payload[head..head + ADDRESSES]);
                    prop_assert_eq!(&frame.bytes[ADDRESSES + tag..], &payload[head + ADDRESSES..]);
                    segments_exceed(frame.offload, frame.bytes, mtu);
                }
                Err(NoFrame::Malformed) => prop_assert!(payload.len() < head + ADDRESSES),
                Err(NoFrame::Unfinished) => prop_assert!(!with_header),
            }
        }

        #[test]
        fn any_metadata_can_be_judged_against_any_frame(
            metadata in any::<[u8; Offload::LEN]>(), mut bytes in vec(any::<u8>(), 0..100), tags in 0..30_usize, mtu in any::<u32>(),
        ) {
            for tag in bytes.iter_mut().skip(ADDRESSES).take(tags * TAG).collect::<Vec<_>>().chunks_mut(TAG) {
                if let [a, b, ..] = tag {
                    (**a, **b) = (0x81, 0);
                }
            }
            segments_exceed(Offload::from_bytes(metadata), &bytes, mtu);
        }
    }
}
