//! Which core a frame belongs to: a symmetric hash of its flow. Invariant: the hash depends on the frame's bytes and the group's
//! seed only, and is the same for both directions of a flow, so that a restarted gateway classifies as its predecessor did and
//! a connection stays on one core.
//!
//! | frame | hashed |
//! | --- | --- |
//! | TCP or UDP over IPv4 or IPv6, VLAN tags skipped | both address and port pairs, protocol |
//! | a fragment (the first one too), any other protocol, ports cut off | both addresses, protocol |
//! | anything else | nothing: 0, which is core 0 |

use etherparse::{ether_type, ip_number};
use ftmb_runtime::packet::PortId;

/// A middlebox's own hash of a frame's flow; `None`: take [`FlowHash::of`]. See `Middlebox::flow_hash`.
pub type OwnHash = fn(PortId, &[u8]) -> Option<u32>;

/// Hashes flows with the seed of a group.
///
/// ```
/// use ftmb_netio::flow::FlowHash;
/// use etherparse::PacketBuilder;
/// let frame = |from: ([u8; 4], u16), to: ([u8; 4], u16)| {
///     let mut bytes = Vec::new();
///     let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from.0, to.0, 64).udp(from.1, to.1);
///     builder.write(&mut bytes, b"payload").expect("fits");
///     bytes
/// };
/// let (a, b) = (([10, 0, 0, 1], 5000), ([192, 0, 2, 1], 53));
/// let hash = FlowHash::new(7);
/// assert_eq!(hash.of(&frame(a, b)), hash.of(&frame(b, a)));
/// assert_ne!(hash.of(&frame(a, b)), FlowHash::new(8).of(&frame(a, b)));
/// assert_eq!(hash.of(b"not a frame"), 0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FlowHash {
    keys: [u64; 3],
    own: Option<OwnHash>,
}

/// At most this many VLAN tags and IPv6 extension headers are looked behind.
const MAX_SKIPPED: usize = 8;

impl FlowHash {
    /// A hash for a seed: different and unpredictable for whoever does not know it.
    pub fn new(seed: u64) -> FlowHash {
        // splitmix64, for three keys from one.
        let mut state = seed;
        let keys = std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        FlowHash { keys, own: None }
    }

    /// The same, but a middlebox is asked first.
    ///
    /// ```
    /// use ftmb_netio::flow::FlowHash;
    /// use ftmb_runtime::packet::PortId;
    /// let hash = FlowHash::new(7).with_own(|port, _frame| (port == PortId(3)).then_some(42));
    /// assert_eq!(hash.pick(PortId(3), b"frame"), 42);
    /// assert_eq!(hash.pick(PortId(0), b"frame"), hash.of(b"frame"));
    /// ```
    #[must_use]
    pub fn with_own(self, own: OwnHash) -> FlowHash {
        FlowHash { own: Some(own), ..self }
    }

    /// The hash by which a frame that came in by `port` gets its core.
    #[inline]
    pub fn pick(&self, port: PortId, frame: &[u8]) -> u32 {
        self.own.and_then(|own| own(port, frame)).unwrap_or_else(|| self.of(frame))
    }

    /// The hash of a frame's flow; 0 for what is not IP.
    #[inline]
    pub fn of(&self, frame: &[u8]) -> u32 {
        let mut at = 12;
        for _ in 0..MAX_SKIPPED {
            let Some(&[a, b]) = frame.get(at..).and_then(|rest| rest.first_chunk()) else { return 0 };
            let ether_type = etherparse::EtherType(u16::from_be_bytes([a, b]));
            match ether_type {
                ether_type::IPV4 => return self.ipv4(frame.get(at + 2..).unwrap_or_default()),
                ether_type::IPV6 => return self.ipv6(frame.get(at + 2..).unwrap_or_default()),
                ether_type::VLAN_TAGGED_FRAME
                | ether_type::PROVIDER_BRIDGING
                | ether_type::VLAN_DOUBLE_TAGGED_FRAME => at += 4,
                _ => return 0,
            }
        }
        0
    }

    #[inline]
    fn ipv4(&self, packet: &[u8]) -> u32 {
        let Some(header) = packet.first_chunk::<20>() else { return 0 };
        let length = usize::from(header[0] & 0x0f) * 4;
        if header[0] >> 4 != 4 || length < 20 {
            return 0;
        }
        let source = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
        let target = u32::from_be_bytes([header[16], header[17], header[18], header[19]]);
        // More-fragments bit or offset: later fragments have no ports, so none of the fragments uses them.
        let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
        let ports = if fragment { None } else { ports(header[9], packet, length) };
        let (from, to) = ports.unwrap_or_default();
        let a = u64::from(source) << 16 | u64::from(from);
        let b = u64::from(target) << 16 | u64::from(to);
        self.mix(a, b, u64::from(header[9]))
    }

    fn ipv6(&self, packet: &[u8]) -> u32 {
        let Some(header) = packet.first_chunk::<40>() else { return 0 };
        if header[0] >> 4 != 6 {
            return 0;
        }
        let (mut next, mut at, mut fragment) = (header[6], 40, false);
        for _ in 0..MAX_SKIPPED {
            let Some(&[following, length]) = packet.get(at..).and_then(|rest| rest.first_chunk()) else { break };
            let skipped = match etherparse::IpNumber(next) {
                ip_number::IPV6_HEADER_HOP_BY_HOP
                | ip_number::IPV6_ROUTE_HEADER
                | ip_number::IPV6_DESTINATION_OPTIONS => 8 + 8 * usize::from(length),
                ip_number::AUTHENTICATION_HEADER => 8 + 4 * usize::from(length),
                ip_number::IPV6_FRAGMENTATION_HEADER => {
                    let Some(field) = packet.get(at + 2..at + 4) else { break };
                    // An atomic fragment (offset 0, no more) is a whole packet.
                    fragment |= u16::from_be_bytes([field[0], field[1]]) & 0xfff9 != 0;
                    8
                }
                _ => break,
            };
            (next, at) = (following, at + skipped);
        }
        let ports = if fragment { None } else { ports(next, packet, at) };
        let (from, to) = ports.unwrap_or_default();
        let half = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| header[at + i]));
        let a = fold(half(8) ^ self.keys[2], half(16) ^ self.keys[1]).wrapping_add(u64::from(from));
        let b = fold(half(24) ^ self.keys[2], half(32) ^ self.keys[1]).wrapping_add(u64::from(to));
        self.mix(a, b, u64::from(next))
    }

    #[inline]
    fn mix(&self, a: u64, b: u64, protocol: u64) -> u32 {
        // Ordered, so that both directions are the same.
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let mixed = fold(low ^ self.keys[0], high ^ self.keys[1]);
        let mixed = fold(mixed ^ protocol, self.keys[2] | 1);
        (mixed ^ (mixed >> 32)) as u32
    }

    /// The core for a hash, spread evenly.
    ///
    /// ```
    /// assert_eq!((ftmb_netio::flow::FlowHash::core(0, 4), ftmb_netio::flow::FlowHash::core(u32::MAX, 4)), (0, 3));
    /// ```
    #[inline]
    pub fn core(hash: u32, cores: usize) -> usize {
        ((u64::from(hash) * cores as u64) >> 32) as usize
    }
}

#[inline]
fn ports(protocol: u8, packet: &[u8], at: usize) -> Option<(u16, u16)> {
    if !matches!(etherparse::IpNumber(protocol), ip_number::TCP | ip_number::UDP) {
        return None;
    }
    let &[a, b, c, d] = packet.get(at..)?.first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests;
