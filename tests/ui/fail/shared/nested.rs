use ftmb::prelude::*;
use std::collections::HashMap;
use std::sync::Mutex;

trait Policy: Send + Sync {
    fn admit(&self, source: u8) -> bool;
}

#[ftmb::shared]
struct Limiter {
    #[ftmb(shared)]
    policy: Box<dyn Policy>,
    hosts: Mutex<HashMap<u8, u64>>,
}

#[ftmb::middlebox]
impl Middlebox for Limiter {
    fn process(&self, packet: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict {
        if self.policy.admit(packet.bytes()[0]) { Verdict::Forward(PortId(1)) } else { Verdict::Drop }
    }
}

#[ftmb::shared]
struct Both {
    #[ftmb(shared, config)]
    number: u64,
}

fn main() {}
