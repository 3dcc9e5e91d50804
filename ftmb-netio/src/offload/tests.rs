use etherparse::{
    IpNumber, Ipv6ExtensionsSlice, LinkExtSlice, NetSlice, PacketBuilder, SlicedPacket, TcpHeader, TransportSlice,
    UdpHeader,
};
use ftmb_runtime::offload::{SegmentKind, Segmentation};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const SOURCE: [u8; 4] = [10, 0, 0, 1];
const TARGET: [u8; 4] = [192, 0, 2, 1];
const SOURCE6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const TARGET6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// A packet as a stack hands it out: which protocols, what in front, what inside.
#[derive(Clone, Debug)]
struct Kind {
    is_v6: bool,
    is_tcp: bool,
    vlans: usize,
    /// IPv6: hop-by-hop and destination options in front of the transport header.
    extended: bool,
    partial: bool,
    size: u16,
    payload: Vec<u8>,
}

fn kinds() -> impl Strategy<Value = Kind> {
    let flags = (any::<bool>(), any::<bool>(), 0..3_usize, any::<bool>(), any::<bool>());
    (flags, 1..2000_u16, vec(any::<u8>(), 0..6000)).prop_map(
        |((is_v6, is_tcp, vlans, extended, partial), size, payload)| Kind {
            is_v6,
            is_tcp,
            vlans,
            extended: extended && is_v6,
            partial,
            size,
            payload,
        },
    )
}

impl Kind {
    fn transport_header(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.is_tcp {
            let mut tcp = TcpHeader::new(5000, 80, u32::MAX - 1000, 500);
            (tcp.ack, tcp.acknowledgment_number) = (true, 77);
            (tcp.psh, tcp.fin, tcp.cwr, tcp.ece) = (true, true, true, true);
            tcp.set_options_raw(&[1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]).expect("fit");
            tcp.write(&mut bytes).expect("written");
        } else {
            let length = 8 + self.payload.len() as u16;
            UdpHeader { source_port: 5000, destination_port: 53, length, checksum: 0xdead }
                .write(&mut bytes)
                .expect("written");
        }
        bytes
    }

    /// The packet and its metadata.
    fn packet(&self) -> (Vec<u8>, Offload) {
        let mut bytes = vec![2; 12];
        for _ in 0..self.vlans {
            bytes.extend_from_slice(&[0x81, 0, 0, 5]);
        }
        let mut segment = self.transport_header();
        segment.extend_from_slice(&self.payload);
        let protocol = if self.is_tcp { 6 } else { 17 };
        if self.is_v6 {
            let extensions = [60, 0, 1, 4, 0, 0, 0, 0, protocol, 0, 1, 4, 0, 0, 0, 0];
            let extensions = if self.extended { &extensions[..] } else { &[] };
            bytes.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0]);
            bytes.extend_from_slice(&((extensions.len() + segment.len()) as u16).to_be_bytes());
            bytes.extend_from_slice(&[if self.extended { 0 } else { protocol }, 64]);
            bytes.extend_from_slice(&SOURCE6);
            bytes.extend_from_slice(&TARGET6);
            bytes.extend_from_slice(extensions);
        } else {
            bytes.extend_from_slice(&[8, 0, 0x45, 0]);
            bytes.extend_from_slice(&(20 + segment.len() as u16).to_be_bytes());
            bytes.extend_from_slice(&[0xff, 0xfe, 0x40, 0, 64, protocol, 0xba, 0xad]);
            bytes.extend_from_slice(&SOURCE);
            bytes.extend_from_slice(&TARGET);
        }
        let start = bytes.len();
        let offset = if self.is_tcp { 16 } else { 6 };
        if self.partial {
            let sum = self.pseudo(segment.len()).ones_complement();
            segment[offset..offset + 2].copy_from_slice(&(!sum).to_ne_bytes());
        }
        bytes.extend_from_slice(&segment);
        let kind = match (self.is_tcp, self.is_v6) {
            (true, false) => SegmentKind::Tcp4,
            (true, true) => SegmentKind::Tcp6,
            _ => SegmentKind::Udp,
        };
        let partial = Checksum::Partial { start: start as u16, offset: offset as u16 };
        let checksum = if self.partial { partial } else { Checksum::Verified };
        let cut = Segmentation { kind, size: self.size, ecn: true, header_len: 0 };
        (bytes, Offload::new(checksum, Some(cut)))
    }

    fn pseudo(&self, length: usize) -> Sum16BitWords {
        let sum = Sum16BitWords::new().add_2bytes([0, if self.is_tcp { 6 } else { 17 }]);
        let sum = sum.add_2bytes((length as u16).to_be_bytes());
        match self.is_v6 {
            true => sum.add_slice(&SOURCE6).add_slice(&TARGET6),
            false => sum.add_slice(&SOURCE).add_slice(&TARGET),
        }
    }

    /// Parses a frame with etherparse, which checks all lengths; checks all checksums.
    fn checked<'a>(&self, frame: &'a [u8]) -> (SlicedPacket<'a>, &'a [u8]) {
        let parsed = SlicedPacket::from_ethernet(frame).expect("sound");
        let tags = parsed.link_exts.iter().filter(|tag| matches!(tag, LinkExtSlice::Vlan(_))).count();
        assert_eq!(tags, self.vlans);
        match parsed.net.as_ref().expect("IP") {
            NetSlice::Ipv4(ip) => {
                let header = ip.header().to_header();
                assert_eq!(header.calc_header_checksum(), header.header_checksum);
                assert_eq!(ip.payload().payload.len() + 20, usize::from(header.total_len));
            }
            NetSlice::Ipv6(ip) => {
                let extensions: &Ipv6ExtensionsSlice<'_> = ip.extensions();
                assert_eq!(extensions.first_header() == Some(IpNumber(0)), self.extended);
            }
            NetSlice::Arp(_) => panic!("not IP"),
        }
        let (header, payload) = match parsed.transport.as_ref().expect("with ports") {
            TransportSlice::Tcp(tcp) => (tcp.header_len(), tcp.payload()),
            TransportSlice::Udp(udp) => (8, udp.payload()),
            other => panic!("{other:?}"),
        };
        let segment = &frame[frame.len() - payload.len() - header..];
        assert_eq!(self.pseudo(segment.len()).add_slice(segment).ones_complement(), 0, "the checksum");
        (parsed, payload)
    }
}

fn all(bytes: &[u8], offload: Offload) -> Result<Vec<Vec<u8>>, OffloadError> {
    let mut frames = Vec::new();
    let count = pieces(bytes, offload, &mut Vec::new(), |piece| frames.push(piece.to_vec()))?;
    assert_eq!(count, frames.len());
    Ok(frames)
}

proptest! {
    #[test]
    fn pieces_are_whole_packets_with_right_checksums_and_together_the_stream(kind in kinds()) {
        let (packet, offload) = kind.packet();
        let frames = all(&packet, offload).expect("sound");
        let size = usize::from(kind.size);
        prop_assert_eq!(frames.len(), kind.payload.len().div_ceil(size).max(1));
        let mut stream = Vec::new();
        for (i, frame) in frames.iter().enumerate() {
            let (parsed, payload) = kind.checked(frame);
            let is_last = i + 1 == frames.len();
            prop_assert!(payload.len() == size || is_last && payload.len() <= size);
            if let Some(TransportSlice::Tcp(tcp)) = parsed.transport {
                prop_assert_eq!(tcp.sequence_number(), (u32::MAX - 1000).wrapping_add(stream.len() as u32));
                prop_assert_eq!((tcp.fin(), tcp.psh(), tcp.cwr()), (is_last, is_last, i == 0));
                prop_assert!(tcp.ack() && tcp.ece() && tcp.options().len() == 12);
            }
            if let Some(NetSlice::Ipv4(ip)) = parsed.net {
                prop_assert_eq!(ip.header().identification(), 0xfffe_u16.wrapping_add(i as u16));
            }
            stream.extend_from_slice(payload);
        }
        prop_assert_eq!(stream, kind.payload);
    }

    #[test]
    fn a_partial_checksum_is_completed(kind in kinds()) {
        let kind = Kind { partial: true, ..kind };
        let (mut packet, offload) = kind.packet();
        if !kind.is_v6 {
            let network = 14 + 4 * kind.vlans;
            let sum = Sum16BitWords::new().add_slice(&packet[network..network + 10]);
            let sum = sum.add_slice(&packet[network + 12..network + 20]).ones_complement();
            packet[network + 10..network + 12].copy_from_slice(&sum.to_ne_bytes());
        }
        let plain = Offload::new(offload.checksum(), None);
        let frames = all(&packet, plain).expect("sound");
        prop_assert_eq!(frames.len(), 1);
        prop_assert_eq!(kind.checked(&frames[0]).1, &kind.payload[..]);
        let mut scratch = Vec::new();
        prop_assert_eq!(completed(&packet, offload, &mut scratch), Ok(&frames[0][..]));
    }

    #[test]
    fn whatever_comes_is_cut_or_refused(bytes in vec(any::<u8>(), 0..300), metadata in any::<[u8; Offload::LEN]>()) {
        check_anything(&bytes, metadata);
    }

    #[test]
    fn damaged_packets_with_damaged_metadata_are_cut_or_refused(
        kind in kinds(),
        damage in vec((0..120_usize, any::<u8>()), 0..4),
        other in vec((0..Offload::LEN, any::<u8>()), 0..2),
        length in 0..400_usize,
    ) {
        let (mut packet, offload) = kind.packet();
        let mut metadata = offload.to_bytes();
        packet.truncate(length.max(1));
        for (at, byte) in damage {
            let at = at % packet.len();
            packet[at] = byte;
        }
        for (at, byte) in other {
            metadata[at] = byte;
        }
        check_anything(&packet, metadata);
    }
}

/// No panic, and no frame that is longer than what it came from.
fn check_anything(bytes: &[u8], metadata: [u8; Offload::LEN]) {
    let offload = Offload::from_bytes(metadata);
    if let Ok(frames) = all(bytes, offload) {
        assert!(!frames.is_empty() && frames.iter().all(|frame| frame.len() <= bytes.len()));
    }
    let mut scratch = Vec::new();
    if let Ok(done) = completed(bytes, offload, &mut scratch) {
        assert_eq!(done.len(), bytes.len());
    }
}

#[test]
fn padding_behind_the_packet_is_not_payload() {
    let payload = vec![3; 30];
    let kind = Kind { is_v6: false, is_tcp: true, vlans: 0, extended: false, partial: true, size: 20, payload };
    let (mut packet, offload) = kind.packet();
    packet.extend_from_slice(&[0xff; 9]);
    let frames = all(&packet, offload).expect("sound");
    assert_eq!(frames.iter().map(|frame| kind.checked(frame).1.len()).collect::<Vec<_>>(), [20, 10]);
}

#[test]
fn udp_without_a_checksum_stays_without() {
    let mut packet = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4(SOURCE, TARGET, 64)
        .udp(1, 2)
        .write(&mut packet, &[5; 99])
        .expect("fits");
    packet[40..42].fill(0);
    let cut = Segmentation { kind: SegmentKind::Udp, size: 50, ecn: false, header_len: 0 };
    let frames = all(&packet, Offload::new(Checksum::Complete, Some(cut))).expect("sound");
    assert!(frames.len() == 2 && frames.iter().all(|frame| frame[40..42] == [0, 0]));
}

#[test]
fn what_contradicts_the_frame_is_said() {
    let payload = vec![3; 300];
    let kind = Kind { is_v6: false, is_tcp: true, vlans: 1, extended: false, partial: true, size: 20, payload };
    let (packet, offload) = kind.packet();
    let cut = offload.segmentation().expect("segmented");
    let refused = |checksum, cut| all(&packet, Offload::new(checksum, Some(cut))).expect_err("refused").to_string();
    let ok = offload.checksum();
    let said = refused(ok, Segmentation { kind: SegmentKind::Tcp6, ..cut });
    assert_eq!(said, "offload metadata contradicts the frame: the IP version should be 6, found 4");
    let said = refused(ok, Segmentation { kind: SegmentKind::Udp, ..cut });
    assert_eq!(said, "offload metadata contradicts the frame: the protocol should be 17, found 6");
    assert_eq!(refused(ok, Segmentation { size: 0, ..cut }), "segments of 0 bytes; expected at least 1");
    assert!(
        refused(ok, Segmentation { kind: SegmentKind::UdpFragments, ..cut }).starts_with("segmentation of kind 0x3")
    );
    let said = refused(Checksum::Partial { start: 34, offset: 16 }, cut);
    assert_eq!(said, "offload metadata contradicts the frame: the start of the checksum should be 38, found 34");
    let mut metadata = offload.to_bytes();
    metadata[1] = 0x61;
    let found = all(&packet, Offload::from_bytes(metadata)).expect_err("refused");
    assert_eq!(found, OffloadError::Kind { found: 0x61 });
}

#[test]
fn a_packet_is_not_cut_into_more_bytes_than_anybody_asks_for() {
    let payload = vec![3; 60_000];
    let kind = Kind { is_v6: true, is_tcp: true, vlans: 0, extended: true, partial: true, size: 8, payload };
    let (packet, offload) = kind.packet();
    assert_eq!(Pieces::new(&packet, offload).map(|pieces| pieces.count()), Ok(7500));
    let (packet, offload) = Kind { size: 1, ..kind }.packet();
    let found = Pieces::new(&packet, offload).expect_err("refused");
    let what = "the length of all segments together";
    assert_eq!(found, OffloadError::Contradiction { what, expected: 1 << 20, found: 60_000 * 103 });
}
