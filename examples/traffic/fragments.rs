//! IPv4 packets cut into fragments, as a router does whose next link is too narrow.
//!
//! Invariant: the fragments of a frame made here carry its bytes, each once; all headers are sound.

use super::{Offsets, repair_network};

/// Cuts a frame after so many bytes each of what IPv4 carries; all but the last must be multiples of 8, and less than it carries.
pub(crate) fn cut(frame: &[u8], at: Offsets, identification: u16, lengths: &[usize]) -> Vec<Vec<u8>> {
    let (headers, segment) = frame.split_at(at.transport);
    let mut offset = 0;
    let last = [segment.len() - lengths.iter().sum::<usize>()];
    lengths
        .iter()
        .chain(&last)
        .map(|&length| {
            let mut fragment = [headers, &segment[offset..offset + length]].concat();
            let more = offset + length < segment.len();
            mark(&mut fragment, at, identification, offset, more);
            offset += length;
            fragment
        })
        .collect()
}

/// Lets a frame be a fragment of a packet, beginning at this offset, with or without others behind it.
pub(crate) fn mark(frame: &mut [u8], at: Offsets, identification: u16, offset: usize, more: bool) {
    let length = (frame.len() - at.network) as u16;
    let field = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
    for (place, word) in [(2, length), (4, identification), (6, field)] {
        frame[at.network + place..at.network + place + 2].copy_from_slice(&word.to_be_bytes());
    }
    repair_network(frame, at);
}
