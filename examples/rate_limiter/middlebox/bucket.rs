//! Token buckets, in integers.
//!
//! Invariant: between two moments a bucket gives away at most `burst` bytes and what `rate` yields in between, to the
//! billionth of a byte: nothing is rounded, so nothing adds up.

use ftmb::time::Instant;

/// A byte in the unit that levels are counted in: a rate in bytes per second yields as many units per nanosecond.
const BYTE: u64 = 1_000_000_000;

/// How much may pass.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Bytes per second.
    rate: u64,
    /// Bytes that may pass at once.
    burst: u64,
}

/// Why there is no such limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LimitError {
    /// Too much to count, or nothing at all.
    #[error("a rate of {found} bytes per second, expected 1 to {most}", most = Limit::MOST)]
    Rate { found: u64 },
    /// Too much to count, or too little for a packet.
    #[error(
        "a burst of {found} bytes, expected {least} (a full Ethernet frame) to {most}",
        least = Limit::FRAME,
        most = Limit::MOST
    )]
    Burst { found: u64 },
}

impl Limit {
    /// An Ethernet frame with a VLAN tag: with less, some packets would never pass.
    pub(crate) const FRAME: u64 = 1518;
    /// 8 GiB: a level fits into 64 bits.
    pub(crate) const MOST: u64 = 1 << 33;

    /// A limit that can be counted.
    pub(crate) fn new(rate: u64, burst: u64) -> Result<Self, LimitError> {
        if !(1..=Self::MOST).contains(&rate) {
            return Err(LimitError::Rate { found: rate });
        }
        if !(Self::FRAME..=Self::MOST).contains(&burst) {
            return Err(LimitError::Burst { found: burst });
        }
        Ok(Self { rate, burst })
    }

    /// Bytes per second.
    pub(crate) fn rate(&self) -> u64 {
        self.rate
    }

    /// Bytes at once.
    pub(crate) fn burst(&self) -> u64 {
        self.burst
    }
}

/// What one source may still send.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// In billionths of a byte.
    level: u64,
    /// When this was the level.
    at: Instant,
}

impl Bucket {
    /// A bucket that is full.
    pub(crate) fn full(limit: &Limit, at: Instant) -> Self {
        Self { level: limit.burst * BYTE, at }
    }

    /// What it would be now. Another core's clock may be ahead of `now`: then nothing is added.
    fn refilled(&self, limit: &Limit, now: Instant) -> Self {
        let elapsed = u64::try_from(now.duration_since(self.at).as_nanos()).unwrap_or(u64::MAX);
        let level = self.level.saturating_add(elapsed.saturating_mul(limit.rate));
        Self { level: level.min(limit.burst * BYTE), at: self.at.max(now) }
    }

    /// Takes so many bytes out; false: there are not so many, and none are taken.
    #[inline]
    pub(crate) fn take(&mut self, limit: &Limit, bytes: usize, now: Instant) -> bool {
        *self = self.refilled(limit, now);
        match (bytes as u64).checked_mul(BYTE).and_then(|cost| self.level.checked_sub(cost)) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }

    /// Whether it is full now.
    pub(crate) fn is_full(&self, limit: &Limit, now: Instant) -> bool {
        self.refilled(limit, now).level == limit.burst * BYTE
    }

    /// Whole bytes in it now.
    pub(crate) fn bytes(&self, limit: &Limit, now: Instant) -> u64 {
        self.refilled(limit, now).level / BYTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let limit = Limit::new(1000, 3000).unwrap();
        let mut bucket = Bucket::full(&limit, at(0));
        assert!(bucket.take(&limit, 1500, at(0)) && bucket.take(&limit, 1500, at(0)) && !bucket.take(&limit, 1, at(0)));
        // a byte a millisecond
        assert!(!bucket.take(&limit, 1, at(999_999)) && bucket.take(&limit, 1, at(1_000_000)));
        assert!(!bucket.take(&limit, 1, at(1_000_000)));
        assert!(!bucket.is_full(&limit, at(3_000_000_000)) && bucket.is_full(&limit, at(3_001_000_000)));
    }

    #[test]
    fn no_rounding_adds_up_however_often_the_bucket_is_asked() {
        // 7 bytes a second, asked every 3 ns: what is yielded in between is no whole number of anything
        let limit = Limit::new(7, Limit::FRAME).unwrap();
        let mut bucket = Bucket::full(&limit, at(0));
        assert!(bucket.take(&limit, Limit::FRAME as usize, at(0)));
        let mut now = 0;
        while !bucket.take(&limit, 1, at(now)) {
            now += if now < 142_000_000 { 1_000_003 } else { 3 };
        }
        // a seventh of a second is 142,857,142.86 ns
        assert!((142_857_143..142_857_146).contains(&now), "{now}");
    }

    #[test]
    fn time_that_goes_back_between_cores_yields_nothing() {
        let limit = Limit::new(1000, 2000).unwrap();
        let mut bucket = Bucket::full(&limit, at(0));
        assert!(bucket.take(&limit, 2000, at(5_000_000_000)) && !bucket.take(&limit, 1, at(4_000_000_000)));
        // what has been yielded is not yielded again
        assert!(!bucket.take(&limit, 2, at(5_001_000_000)) && bucket.take(&limit, 1, at(5_001_000_000)));
    }

    #[test]
    fn the_largest_limits_do_not_overflow() {
        let limit = Limit::new(Limit::MOST, Limit::MOST).unwrap();
        let mut bucket = Bucket::full(&limit, at(0));
        assert!(bucket.take(&limit, Limit::MOST as usize, at(0)) && !bucket.take(&limit, 9, at(1)));
        assert!(bucket.is_full(&limit, at(u64::MAX)) && !bucket.take(&limit, usize::MAX, at(u64::MAX)));
        assert_eq!(bucket.bytes(&limit, at(u64::MAX)), Limit::MOST);
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        let text = |rate, burst| Limit::new(rate, burst).unwrap_err().to_string();
        assert_eq!(text(0, 2000), "a rate of 0 bytes per second, expected 1 to 8589934592");
        assert_eq!(text(1, 1500), "a burst of 1500 bytes, expected 1518 (a full Ethernet frame) to 8589934592");
        assert!(Limit::new(Limit::MOST + 1, 2000).is_err() && Limit::new(1, Limit::MOST + 1).is_err());
    }
}
