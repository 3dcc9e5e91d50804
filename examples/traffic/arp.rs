//! Questions for Ethernet addresses, and their answers.
//!
//! Invariant: a frame made here has the length that any Ethernet frame has at least, and ends with its [`Identity`].

use std::net::Ipv4Addr;

use super::Identity;

/// An Ethernet address.
pub(crate) type Mac = [u8; 6];

const BROADCAST: Mac = [0xff; 6];

/// The address that the frames of this module give to a host.
pub(crate) fn mac(host: Ipv4Addr) -> Mac {
    let [a, b, c, d] = host.octets();
    [2, 0, a, b, c, d]
}

/// A host asks all others for the Ethernet address that goes with `target`.
pub(crate) fn request(sender: Ipv4Addr, target: Ipv4Addr, identity: &Identity) -> Vec<u8> {
    packet(BROADCAST, 1, (mac(sender), sender), ([0; 6], target), identity)
}

/// A host tells another one that it has `sender`.
pub(crate) fn reply(sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr), identity: &Identity) -> Vec<u8> {
    packet(target.0, 2, sender, target, identity)
}

fn packet(to: Mac, operation: u8, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr), identity: &Identity) -> Vec<u8> {
    let mut frame = Vec::with_capacity(66);
    frame.extend_from_slice(&to);
    frame.extend_from_slice(&sender.0);
    frame.extend_from_slice(&[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, operation]);
    for (mac, address) in [sender, target] {
        frame.extend_from_slice(&mac);
        frame.extend_from_slice(&address.octets());
    }
    frame.extend_from_slice(&identity.to_bytes());
    frame
}
