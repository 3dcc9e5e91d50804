//! The trait, with everything of the prelude.

#![deny(warnings)]

use ftmb::prelude::*;
use std::sync::Mutex;

#[ftmb::shared]
struct Sequencer {
    #[ftmb(config)]
    out: PortId,
    next: u64,
    names: Vec<String>,
    free: Mutex<Vec<u16>>,
    stamped: Counter,
}

#[ftmb::middlebox]
impl Sequencer {
    fn new(out: PortId) -> Self {
        Self { out, next: 0, names: Vec::new(), free: Mutex::default(), stamped: Counter::new() }
    }
}

#[ftmb::middlebox]
impl Middlebox for Sequencer {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let Some(stamp) = packet.bytes_mut().get_mut(..8) else { return Verdict::Drop };
        self.next += 1;
        stamp.copy_from_slice(&self.next.to_be_bytes());
        self.stamped.add(1);
        let _ = cx.now();
        Verdict::Forward(self.out)
    }

    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() == 0 {
            self.names.clear();
        }
    }

    fn control(&self, request: &[u8], _cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        let name = std::str::from_utf8(request).map_err(|error| ControlError::new(error.to_string()))?;
        self.names.push(name.to_owned());
        Ok(self.names.len().to_string().into_bytes())
    }

    fn report(&self, metrics: &mut Metrics) {
        metrics.counter("next", self.next);
        metrics.gauge("names", self.names.len() as f64);
        metrics.gauge("free", self.free.peek().len() as f64);
        metrics.counter("stamped", self.stamped.get());
    }
}

fn main() {
    let sequencer = Sequencer::new(PortId(1));
    sequencer.report(&mut Metrics::default());
}
