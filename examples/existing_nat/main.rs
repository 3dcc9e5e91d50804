//! A NAT that was never written for ftmb, and survives being killed.
//!
//! ```text
//! cargo run --release --example existing_nat -- demo
//! ```
//!
//! The NAT is `nat.rs`: a module with concurrent maps, locks, an atomic and clocks, as people write them. What was added for
//! ftmb is one attribute on the module, and this file: it says which packets go where, and starts the program. Nothing of the
//! module's lines was changed; see [`ftmb::instrument`] for what they mean now.
//!
//! The example `nat` was written with ftmb in mind. What that buys is speed, not safety: here a packet that is dropped takes an
//! exclusive lock to be counted, and the public address, which never changes, is state like everything else, so each packet
//! leaves a word in the log where `#[ftmb(config)]` on the field would save it.

#[path = "../headers/checksum.rs"]
mod checksum;
#[path = "nat.rs"]
mod existing;
#[path = "../nat/scenario/mod.rs"]
mod scenario;
#[cfg(test)]
mod tests;
#[path = "../traffic/mod.rs"]
mod traffic;

use std::net::Ipv4Addr;

use existing::nat::Nat;
use ftmb::prelude::*;

const INSIDE: PortId = PortId(0);
const OUTSIDE: PortId = PortId(1);

#[ftmb::middlebox]
impl Middlebox for Nat {
    fn process(&self, packet: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict {
        let partial = checksum::partial(packet.offload());
        let (passes, to) = match packet.port() {
            INSIDE => (self.outbound(packet.bytes_mut(), partial), OUTSIDE),
            _ => (self.inbound(packet.bytes_mut(), partial), INSIDE),
        };
        if passes { Verdict::Forward(to) } else { Verdict::Drop }
    }

    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() == 0 {
            self.clean_up();
        }
    }

    /// Tells what it has done so far.
    fn control(&self, request: &[u8], _: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        match request {
            b"statistics" => Ok(format!("{:?}", self.statistics()).into_bytes()),
            _ => Err(ControlError::new("the request is `statistics`")),
        }
    }
}

fn make() -> Nat {
    Nat::new(Ipv4Addr::new(198, 51, 100, 1))
}

/// What `demo` sends: with fragments that must be dropped.
type NatScenario = scenario::Traffic<false>;

fn main() -> ftmb::Result<()> {
    // The ports are named as the scenario names them: inside is the first, outside the second.
    App::new("existing_nat", |(): (), _: &Ports| Ok(make())).scenario(NatScenario::default()).run()
}
