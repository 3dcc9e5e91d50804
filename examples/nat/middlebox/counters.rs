//! What the NAT counts.
//!
//! Invariant: a packet that is dropped is counted once, under the reason.

use ftmb::prelude::*;

/// Figures that only grow. Additions commute, so nothing of it is logged.
#[ftmb::shared]
pub(crate) struct Counters {
    pub(crate) translated: Counter,
    pub(crate) opened: Counter,
    pub(crate) expired: Counter,
    pub(crate) errors_translated: Counter,
    pub(crate) passed: Counter,
    pub(crate) arp_answered: Counter,
    pub(crate) unsolicited: Counter,
    pub(crate) unopened: Counter,
    pub(crate) out_of_ports: Counter,
    pub(crate) fragments: Counter,
    pub(crate) malformed: Counter,
    pub(crate) unsupported: Counter,
}

#[ftmb::middlebox]
impl Counters {
    /// All of them at zero.
    pub(crate) fn new() -> Self {
        Self {
            translated: Counter::new(),
            opened: Counter::new(),
            expired: Counter::new(),
            errors_translated: Counter::new(),
            passed: Counter::new(),
            arp_answered: Counter::new(),
            unsolicited: Counter::new(),
            unopened: Counter::new(),
            out_of_ports: Counter::new(),
            fragments: Counter::new(),
            malformed: Counter::new(),
            unsupported: Counter::new(),
        }
    }

    /// Tells them.
    pub(crate) fn report(&self, metrics: &mut Metrics) {
        let (opened, expired) = (self.opened.get(), self.expired.get());
        metrics.gauge("flows", opened.saturating_sub(expired) as f64);
        metrics.counter("opened", opened);
        metrics.counter("expired", expired);
        metrics.counter("translated", self.translated.get());
        metrics.counter("errors_translated", self.errors_translated.get());
        metrics.counter("others_passed", self.passed.get());
        metrics.counter("arp_answered", self.arp_answered.get());
        metrics.counter("dropped_unsolicited", self.unsolicited.get());
        metrics.counter("dropped_unopened", self.unopened.get());
        metrics.counter("dropped_out_of_ports", self.out_of_ports.get());
        metrics.counter("dropped_fragments", self.fragments.get());
        metrics.counter("dropped_malformed", self.malformed.get());
        metrics.counter("dropped_unsupported", self.unsupported.get());
    }
}
