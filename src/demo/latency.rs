//! How long packets take. Invariant: each packet is in exactly one of two distributions: those that a failure may have touched, and
//! all others.

use hdrhistogram::Histogram;

/// Packets sent so shortly after the end of a failure count as touched by it, ns: what has piled up is worked off meanwhile.
const AFTERMATH: u64 = 250_000_000;
/// Longest time that is told apart, ns.
const LONGEST: u64 = 3_600_000_000_000;

/// Percentiles of times, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Percentiles {
    /// How many there are.
    pub(super) count: u64,
    /// Median.
    pub(super) p50: u64,
    /// 99 of 100 are not above.
    pub(super) p99: u64,
    /// 999 of 1000 are not above.
    pub(super) p999: u64,
    /// The longest.
    pub(super) max: u64,
}

/// A distribution of times.
#[derive(Clone, Debug)]
pub(super) struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Times {
        // The bounds are valid, and nothing else is refused.
        Times(Histogram::new_with_bounds(1, LONGEST, 3).expect("valid bounds"))
    }
}

impl Times {
    /// One more.
    pub(super) fn note(&mut self, time: u64) {
        self.0.saturating_record(time);
    }

    /// All of these.
    pub(super) fn of(times: impl IntoIterator<Item = u64>) -> Times {
        let mut all = Times::default();
        times.into_iter().for_each(|time| all.note(time));
        all
    }

    /// Its percentiles; zero if it is empty.
    pub(super) fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile);
        Percentiles { count: self.0.len(), p50: at(0.5), p99: at(0.99), p999: at(0.999), max: self.0.max() }
    }
}

/// Latencies with and without a failure.
#[derive(Clone, Debug, Default)]
pub(super) struct Latency {
    pub(super) all: Times,
    pub(super) quiet: Times,
    pub(super) failing: Times,
    open: bool,
    /// When the last failure ended.
    ended: Option<u64>,
}

impl Latency {
    /// Something was killed.
    pub(super) fn failure_begins(&mut self) {
        self.open = true;
    }

    /// Outputs leave again.
    pub(super) fn failure_ends(&mut self, now: u64) {
        self.open = false;
        self.ended = Some(now);
    }

    /// A packet sent at `sent` came out at `now`.
    pub(super) fn note(&mut self, sent: u64, now: u64) {
        let time = now.saturating_sub(sent);
        self.all.note(time);
        if self.open || self.ended.is_some_and(|ended| sent < ended + AFTERMATH) {
            self.failing.note(time);
        } else {
            self.quiet.note(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_counts_as_touched_if_it_was_under_way_during_a_failure() {
        let mut latency = Latency::default();
        latency.note(0, 1000);
        latency.failure_begins();
        latency.note(500, 2_000_000);
        latency.failure_ends(3_000_000);
        latency.note(2_000_000, 4_000_000);
        latency.note(3_000_000 + AFTERMATH, 3_000_500 + AFTERMATH);
        let count = |times: &Times| times.percentiles().count;
        assert_eq!((count(&latency.all), count(&latency.quiet), count(&latency.failing)), (4, 2, 2));
        assert!(latency.quiet.percentiles().max < 1100);
    }

    #[test]
    fn of_nothing_all_percentiles_are_zero() {
        assert_eq!(Times::default().percentiles(), Percentiles::default());
    }
}
