//! Several variables in one assignment; an index computed under a borrow; a write in `report`.

use ftmb::prelude::*;

#[ftmb::shared]
struct Nat {
    low: u64,
    high: u64,
    ports: Vec<u16>,
}

#[ftmb::middlebox]
impl Middlebox for Nat {
    fn process(&self, _packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        (self.low, self.high) = (1, 2);
        let last = &mut self.ports[self.ports.len() - 1];
        *last += 1;
        Verdict::Drop
    }

    fn report(&self, metrics: &mut Metrics) {
        self.low = 0;
        metrics.gauge("high", self.high as f64);
    }
}

fn main() {}
