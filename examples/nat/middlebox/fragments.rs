//! Fragments of translated flows: only the first one has ports, so the others follow it.
//!
//! What becomes of the first fragment is remembered for a while under addresses, protocol and identification, which all
//! fragments of a packet share. One that comes before the first waits for it, and leaves right behind it. All fragments of a
//! packet come to the same core, but not to the core of their flow, and that core may change; so this is shared state.
//!
//! Invariant: a fragment leaves only after the first of its packet, to where that went.

use std::{net::Ipv4Addr, time::Duration};

use ftmb::{prelude::*, time::Instant};

use super::{
    Nat,
    aging::Aging,
    ethernet::Mac,
    headers::{
        Endpoint, Head,
        fragment::{Fragment, Origin},
        rewrite::{self, Side},
    },
    waiting::Waiting,
};

/// Packets whose first fragment is remembered, at most: the oldest is forgotten first.
const MOST_KNOWN: usize = 4096;

/// A packet that comes in fragments: by the side that it comes from (whether inside), and by what its fragments share.
type Key = (bool, Origin);

/// What became of the first fragment.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Dropped,
    /// It left outside, from the public address.
    Out,
    /// It left inside, to this host.
    In {
        host: Ipv4Addr,
        mac: Mac,
    },
}

/// Packets that come in fragments.
#[ftmb::state]
#[derive(Debug)]
pub(super) struct Fragments {
    known: Aging<Key, Fate>,
    /// Fragments that came before the first one.
    early: Waiting<Key>,
}

impl Fragments {
    /// None.
    pub(super) fn new() -> Self {
        Self { known: Aging::new(), early: Waiting::new() }
    }

    fn know(&mut self, key: Key, fate: Fate, now: Instant) {
        if self.known.len() >= MOST_KNOWN {
            self.known.take_oldest();
        }
        self.known.insert(key, fate, now);
    }
}

#[ftmb::middlebox]
impl Nat {
    /// A fragment, the first one or another.
    pub(super) fn fragment(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let fragment = match Fragment::parse(packet.bytes()) {
            Ok(fragment) => fragment,
            Err(unfit) => return self.refuse(unfit),
        };
        let key = (packet.port() == self.inside, fragment.origin);
        match &fragment.first {
            Some(head) => self.first_fragment(packet, key, head, cx),
            None => self.later_fragment(packet, key, &fragment, cx.now()),
        }
    }

    /// Translates a first fragment as any packet, and lets those follow that came before it.
    fn first_fragment(&self, packet: &mut Packet<'_>, key: Key, head: &Head, cx: &mut Context<'_>) -> Verdict {
        let from_inside = key.0;
        let verdict = if from_inside { self.outbound(packet, head, cx) } else { self.inbound(packet, head, cx.now()) };
        let fate = match verdict {
            Verdict::Drop => Fate::Dropped,
            Verdict::Forward(_) if from_inside => Fate::Out,
            Verdict::Forward(_) => {
                let frame = packet.bytes();
                Fate::In { host: rewrite::destination(frame, head.network), mac: Mac::destination(frame) }
            }
        };
        let followers = {
            let mut fragments = self.fragments.lock().unwrap();
            fragments.know(key, fate, cx.now());
            fragments.early.release(&key)
        };
        for mut follower in followers {
            let passed = Fragment::parse(&follower.bytes)
                .ok()
                .and_then(|fragment| self.follow(&mut follower.bytes, fragment.network, fate))
                .and_then(|port| cx.emit_with(port, &follower.bytes, follower.offload).ok());
            if passed.is_none() {
                self.count.fragments.add(1);
            }
        }
        verdict
    }

    /// A fragment that has no ports.
    fn later_fragment(&self, packet: &mut Packet<'_>, key: Key, fragment: &Fragment, now: Instant) -> Verdict {
        let fate = {
            let mut fragments = self.fragments.lock().unwrap();
            let known = fragments.known.get(&key).copied();
            if known.is_none() {
                self.count.fragments.add(fragments.early.hold(key, packet, now));
            }
            known
        };
        // if it waits, it is no more than a copy
        let Some(fate) = fate else { return Verdict::Drop };
        match self.follow(packet.bytes_mut(), fragment.network, fate) {
            Some(port) => Verdict::Forward(port),
            None => {
                self.count.fragments.add(1);
                Verdict::Drop
            }
        }
    }

    /// Sends a fragment to where the first one went; `None`: that was dropped.
    fn follow(&self, frame: &mut [u8], network: usize, fate: Fate) -> Option<PortId> {
        let (side, address) = match fate {
            Fate::Dropped => return None,
            Fate::Out => (Side::Source, self.config.public),
            Fate::In { host, mac } => {
                self.readdress(frame, mac);
                (Side::Destination, host)
            }
        };
        rewrite::address(frame, network, side, Endpoint { address, port: 0 });
        self.count.translated.add(1);
        Some(if side == Side::Source { self.outside } else { self.inside })
    }

    /// Forgets what is older than `fragment_timeout`.
    pub(super) fn expire_fragments(&self, now: Instant) {
        let Some(then) = now.checked_sub(Duration::from_secs(self.config.fragment_timeout)) else { return };
        let mut fragments = self.fragments.lock().unwrap();
        while fragments.known.take_older(then).is_some() {}
        self.count.fragments.add(fragments.early.expire(then));
    }
}
