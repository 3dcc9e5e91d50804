//! A report looks; it neither changes nor locks in a way that replay would have to know of.

use ftmb::prelude::*;

#[ftmb::shared]
struct Nat {
    names: Vec<String>,
    total: u64,
}

#[ftmb::middlebox]
impl Middlebox for Nat {
    fn process(&self, _packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        Verdict::Drop
    }

    fn report(&self, metrics: &mut Metrics) {
        self.total += 1;
        self.names[0] = String::new();
        self.names.clear();
        metrics.counter("total", self.total);
    }
}

fn main() {}
