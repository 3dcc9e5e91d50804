//! Packets of flows that come in fragments, in any order, and what must come out of each.
//!
//! Invariant: what comes out is compared as a whole with what must: the packet is made a second time as it should look behind
//! the NAT, and cut in the same places.

use std::collections::{HashMap, VecDeque};

use ftmb::prelude::*;

use crate::traffic::{
    Draw, Flow, Headers, Identity, Kind, NOISE, Transport, Way,
    arp::{Mac, mac},
    fragments,
};

/// `kind` of an identity: a fragment; its number is that of the packet, its note which one it is.
pub(super) const FRAGMENT: u8 = NOISE + 2;

/// Packets under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Fragmented {
    packets: HashMap<u32, Cut>,
    next: u32,
    /// What is still to be sent: packet and fragment.
    outbox: VecDeque<(u32, usize)>,
}

#[derive(Clone, Debug)]
struct Cut {
    entry: PortId,
    sent: Vec<Option<Vec<u8>>>,
    /// What must come out; `None` once it has.
    expected: Vec<Option<Vec<u8>>>,
}

impl Fragmented {
    /// Sends the next fragment, if there is one.
    pub(super) fn next(&mut self) -> Option<(PortId, Vec<u8>)> {
        let (number, place) = self.outbox.pop_front()?;
        let cut = self.packets.get_mut(&number)?;
        Some((cut.entry, cut.sent[place].take()?))
    }

    /// Cuts a packet of a flow whose client has been seen outside; `gateway` is where servers send to.
    pub(super) fn add(&mut self, flow: &Flow, gateway: Option<Mac>, draw: &mut Draw) {
        let Some((client, server)) = flow.seen else { return };
        let way = if draw.below(2) == 0 { Way::Out } else { Way::Back };
        let transport = match flow.kind {
            Kind::Tcp => Transport::Tcp { seq: 1, ack: Some(1), syn: false, fin: false, rst: false },
            Kind::Udp => Transport::Udp { checked: draw.below(4) != 0 },
            Kind::Echo => Transport::Echo { reply: way == Way::Back, seq: 7 },
        };
        let sent = flow.headers(way, transport);
        let (source, destination) = if way == Way::Out { (client, server) } else { (flow.server, flow.client) };
        let lengths: Vec<usize> = (0..2 + draw.below(3)).map(|_| 8 * (6 + draw.below(20))).collect();
        let (number, entry) = (self.next, flow.entry(way));
        self.next += 1;
        let mut frames = cut(&sent, &lengths, number);
        let mut expected = cut(&Headers { source, destination, ..sent }, &lengths, number);
        for (frame, expected) in frames.iter_mut().zip(&mut expected) {
            expected[..12].copy_from_slice(&frame[..12]);
            if let (Way::Back, Some(gateway)) = (way, gateway) {
                frame[..6].copy_from_slice(&gateway);
                expected[..6].copy_from_slice(&mac(*flow.client.ip()));
            }
        }
        // in order, or the last one first
        let mut order: VecDeque<usize> = (0..frames.len()).collect();
        match draw.below(4) {
            0 => order.rotate_right(1),
            1 => order.make_contiguous().reverse(),
            _ => {}
        }
        self.outbox.extend(order.into_iter().map(|place| (number, place)));
        let some = |frames: Vec<Vec<u8>>| frames.into_iter().map(Some).collect();
        self.packets.insert(number, Cut { entry, sent: some(frames), expected: some(expected) });
    }

    /// Checks what came out of a fragment with this identity: itself, or one that waited for it.
    pub(super) fn observe(&mut self, identity: &Identity, released: &Frame) -> Result<(), Contradiction> {
        let contradiction = |what: &str| Err(Contradiction::new(format!("fragment of {}: {what}", identity.number)));
        let which = Identity::of(released.bytes()).filter(|which| which.number == identity.number);
        let (Some(which), Some(cut)) = (which, self.packets.get_mut(&identity.number)) else {
            return contradiction("came out of a packet that it is no part of, or all of which has come out");
        };
        let Some(expected) = cut.expected.get_mut(which.note as usize).and_then(Option::take) else {
            return contradiction("came out twice");
        };
        if released.port() == cut.entry {
            return contradiction("came out where it went in");
        }
        if released.bytes() != expected {
            let at = released.bytes().iter().zip(&expected).position(|(a, b)| a != b).unwrap_or(0);
            return match at {
                0..6 => contradiction("was delivered to another Ethernet address than its host's"),
                _ => contradiction(&format!("{which:?} is not as it should be, from byte {at} on")),
            };
        }
        if cut.expected.iter().all(Option::is_none) {
            self.packets.remove(&identity.number);
        }
        Ok(())
    }

    /// How many have been sent, and their first one as well, and did not come out.
    pub(super) fn missing(&self) -> u64 {
        let late = |cut: &Cut| match cut.sent[0] {
            Some(_) => 0,
            None => cut.sent.iter().zip(&cut.expected).filter(|(sent, due)| sent.is_none() && due.is_some()).count(),
        };
        self.packets.values().map(|cut| late(cut) as u64).sum()
    }
}

/// A packet with these headers in fragments of these lengths, each of which ends with an identity.
fn cut(headers: &Headers, lengths: &[usize], number: u32) -> Vec<Vec<u8>> {
    let at = headers.offsets();
    let (all_but_last, segment) = (&lengths[..lengths.len() - 1], lengths.iter().sum::<usize>());
    let header = at.payload - at.transport;
    let identity = |place: usize| Identity { number, note: place as u64, kind: FRAGMENT, ..Identity::default() };
    let mut body = vec![number as u8; segment - header - Identity::LEN];
    let mut end = 0;
    for (place, length) in all_but_last.iter().enumerate() {
        end += length;
        body[end - header - Identity::LEN..end - header].copy_from_slice(&identity(place).to_bytes());
    }
    let frame = headers.frame(&body, 0, &identity(all_but_last.len()));
    fragments::cut(&frame, at, number as u16, all_but_last)
}
