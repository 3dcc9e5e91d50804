//! How long outputs were held back: from the arrival of the input that an output stems from until it had left. Invariant: one
//! writer per core, the output logger; a reader may miss what is being added, and never sees a bucket shrink.
//!
//! ```text
//! per core:  word 0: up to 1.024 us | 1..=92: four buckets an octave, the last one up to 8.59 s | 93: longer | 94: sum, ns
//! ```

use super::{GroupRecord, MAX_CORES, layout};

/// Number of buckets; the last one has no upper bound.
pub const DELAY_BUCKETS: usize = 94;

/// The first bucket ends at 2 to this power, ns.
const FIRST: u32 = 10;
/// Buckets an octave is divided into, as a power of 2.
const SPLIT: u32 = 2;
/// The word with the sum of all delays.
const SUM: usize = DELAY_BUCKETS;

const _: () = assert!(SUM < layout::DELAY_WORDS && Delays::bound(DELAY_BUCKETS - 2) == 1 << 33);

/// A histogram of release delays.
///
/// ```
/// use ftmb_netio::group_record::Delays;
/// let mut delays = Delays::default();
/// (0..99).for_each(|_| delays.add(1_000));
/// delays.add(5_000_000);
/// assert_eq!((delays.count(), delays.sum()), (100, 5_099_000));
/// assert_eq!(delays.quantile(0.5), Some(1_024)); // the upper bound of its bucket
/// assert!(delays.quantile(1.0).is_some_and(|slowest| (5_000_000..6_300_000).contains(&slowest)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delays {
    buckets: [u64; DELAY_BUCKETS],
    sum: u64,
}

impl Default for Delays {
    fn default() -> Delays {
        Delays { buckets: [0; DELAY_BUCKETS], sum: 0 }
    }
}

impl Delays {
    /// The bucket of a delay in ns.
    #[inline]
    fn bucket(delay: u64) -> usize {
        // Bounds are inclusive, so that it is the delay before that is looked at.
        let before = delay.saturating_sub(1);
        let octave = 63 - (before | 1).leading_zeros();
        if octave < FIRST {
            return 0;
        }
        let part = (before >> (octave - SPLIT)) & ((1 << SPLIT) - 1);
        (1 + ((octave - FIRST) as usize) * (1 << SPLIT) + part as usize).min(DELAY_BUCKETS - 1)
    }

    /// The longest delay that bucket `bucket` counts, ns; [`u64::MAX`] for the last one.
    ///
    /// ```
    /// use ftmb_netio::group_record::{DELAY_BUCKETS, Delays};
    /// assert_eq!([Delays::bound(0), Delays::bound(1), Delays::bound(4)], [1_024, 1_280, 2_048]);
    /// assert_eq!(Delays::bound(DELAY_BUCKETS - 1), u64::MAX);
    /// ```
    pub const fn bound(bucket: usize) -> u64 {
        if bucket + 1 >= DELAY_BUCKETS {
            return u64::MAX;
        }
        // Bucket 4k is 2^(FIRST + k); between them are quarters of the octave.
        let (octave, part) = (bucket >> SPLIT, bucket & ((1 << SPLIT) - 1));
        (1_u64 << (FIRST as usize + octave)) / (1 << SPLIT) * ((1 << SPLIT) + part as u64)
    }

    /// Adds one delay, ns.
    pub fn add(&mut self, delay: u64) {
        self.buckets[Delays::bucket(delay)] += 1;
        self.sum += delay;
    }

    /// What each bucket counted, those of shorter ones not included.
    pub fn buckets(&self) -> &[u64; DELAY_BUCKETS] {
        &self.buckets
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Sum of all delays, ns.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The delay that this share of all did not exceed, to the upper bound of its bucket, ns; `None` if there are none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = (share.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reaches = |count: &u64| {
            seen += count;
            seen >= rank
        };
        self.buckets.iter().position(reaches).map(Delays::bound)
    }

    /// What was added since `earlier`, an earlier state of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Delays) -> Delays {
        Delays {
            buckets: std::array::from_fn(|at| self.buckets[at].saturating_sub(earlier.buckets[at])),
            sum: self.sum.saturating_sub(earlier.sum),
        }
    }
}

impl GroupRecord {
    /// The release delays of all cores together.
    pub fn delays(&self) -> Delays {
        let sum = |word: usize| (0..self.cores()).map(|core| self.get(delay_word(core, word))).sum();
        Delays { buckets: std::array::from_fn(sum), sum: sum(SUM) }
    }

    /// Outputs of core `core` that stem from inputs of these arrivals have left at `now` (ns since the group was created).
    /// Output logger only.
    ///
    /// # Panics
    /// If `core` is not below [`MAX_CORES`].
    #[inline]
    pub fn note_delays(&self, core: usize, now: u64, arrivals: &[u64]) {
        let mut sum = 0_u64;
        for arrival in arrivals {
            let delay = now.saturating_sub(*arrival);
            sum = sum.wrapping_add(delay);
            self.add(delay_word(core, Delays::bucket(delay)), 1);
        }
        self.add(delay_word(core, SUM), sum);
    }
}

#[inline]
fn delay_word(core: usize, word: usize) -> usize {
    assert!(core < MAX_CORES, "core {core} of {MAX_CORES}");
    layout::DELAYS + core * layout::DELAY_WORDS + word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group_record::Birth;

    #[test]
    fn each_delay_lies_within_the_bounds_of_its_bucket() {
        let mut last = 0;
        for delay in (0..40).flat_map(|octave| [0, 1, 2, 3].map(|part| (1_u64 << octave) + part * (1 << octave) / 4)) {
            for delay in [delay - 1, delay, delay + 1] {
                let bucket = Delays::bucket(delay);
                assert!(delay <= Delays::bound(bucket), "{delay} is above bucket {bucket}");
                assert!(bucket == 0 || delay > Delays::bound(bucket - 1), "{delay} is below bucket {bucket}");
            }
            assert!(Delays::bucket(delay) >= last);
            last = Delays::bucket(delay);
        }
        assert_eq!(last, DELAY_BUCKETS - 1);
        assert_eq!(Delays::bucket(u64::MAX), DELAY_BUCKETS - 1);
    }

    #[test]
    fn the_cores_of_a_record_count_together_and_keep_apart_what_they_write() {
        let record = GroupRecord::anonymous(Birth::now(2, 0)).expect("memory");
        record.note_delays(0, 10_000, &[9_900, 9_990]);
        record.note_delays(1, 10_000, &[2_000, 10_001]);
        let delays = record.delays();
        assert_eq!((delays.count(), delays.sum()), (4, 100 + 10 + 8_000));
        assert_eq!((delays.buckets()[0], delays.quantile(0.9)), (3, Some(8_192)));
        record.note_delays(1, 20_000_000_000, &[0]);
        let more = record.delays().since(&delays);
        assert_eq!((more.count(), more.quantile(0.5)), (1, Some(u64::MAX)));
    }

    #[test]
    fn an_empty_histogram_has_no_quantiles() {
        assert_eq!(Delays::default().quantile(0.5), None);
    }
}
