//! When a frame of a capture is due.
//!
//! Invariant: due times are reckoned from the first frame after the start or a resume, which is due at once, never from
//! the frame before: a delay is made up for, and nothing depends on when one asks.

use super::super::Pace;

const SECOND: u64 = 1_000_000_000;

#[derive(Debug, Clone, Copy)]
struct Anchor {
    now: u64,
    timestamp: u64,
}

/// The clock of one capture.
#[derive(Debug)]
pub(super) struct Pacer {
    pace: Pace,
    anchor: Option<Anchor>,
    handed: u64,
}

impl Pacer {
    pub(super) fn new(pace: Pace) -> Pacer {
        Pacer { pace, anchor: None, handed: 0 }
    }

    /// The next frame is the first again.
    pub(super) fn restart(&mut self) {
        *self = Pacer::new(self.pace);
    }

    /// When the next frame, recorded at `timestamp`, is due; the first one now. All in ns.
    #[inline]
    pub(super) fn due(&mut self, now: u64, timestamp: u64) -> u64 {
        let anchor = *self.anchor.get_or_insert(Anchor { now, timestamp });
        let after = match self.pace {
            Pace::Flat => 0,
            Pace::Timestamps => timestamp.saturating_sub(anchor.timestamp),
            Pace::Rate(rate) => match self.handed.checked_mul(SECOND) {
                Some(scaled) => scaled / rate,
                None => (u128::from(self.handed) * u128::from(SECOND) / u128::from(rate.get())) as u64,
            },
        };
        anchor.now.saturating_add(after)
    }

    /// The frame that was due has been taken.
    #[inline]
    pub(super) fn handed(&mut self) {
        self.handed += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dues(pace: Pace, timestamps: &[u64]) -> Vec<u64> {
        let mut pacer = Pacer::new(pace);
        let due = |&timestamp| {
            let due = pacer.due(1_000, timestamp);
            pacer.handed();
            due
        };
        timestamps.iter().map(due).collect()
    }

    #[test]
    fn timestamps_keep_their_distances_and_never_go_below_the_first() {
        assert_eq!(dues(Pace::Timestamps, &[500, 510, 505, 499, 900]), [1_000, 1_010, 1_005, 1_000, 1_400]);
    }

    #[test]
    fn a_rate_is_even_and_does_not_drift() {
        let third = Pace::Rate(3.try_into().unwrap());
        assert_eq!(dues(third, &[0; 4]), [1_000, 333_334_333, 666_667_666, 1_000_001_000]);
        let mut pacer = Pacer::new(third);
        pacer.due(0, 0);
        pacer.handed = 30_000_000_000;
        assert_eq!(pacer.due(77, 0), 10_000_000_000 * SECOND);
    }

    #[test]
    fn flat_out_everything_is_due_since_the_first() {
        assert_eq!(dues(Pace::Flat, &[5, 50, 500]), [1_000; 3]);
    }

    #[test]
    fn after_a_restart_the_next_frame_is_due_at_once() {
        let mut pacer = Pacer::new(Pace::Timestamps);
        assert_eq!(pacer.due(0, 0), 0);
        assert_eq!(pacer.due(0, 9_000), 9_000);
        pacer.restart();
        assert_eq!(pacer.due(20, 9_000), 20);
        assert_eq!(pacer.due(20, u64::MAX), u64::MAX - 9_000 + 20);
    }
}
