//! A warning that may have cause to come a million times a second, and comes once. Invariant: no occurrence is forgotten: the next
//! warning says how often it happened since the last.

use std::time::{Duration, Instant};

/// Between two warnings of a kind.
const PAUSE: Duration = Duration::from_secs(1);

/// One kind of warning.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    last: Option<Instant>,
    since: u64,
}

impl Complaint {
    /// It happened again. `Some`: say so, with the number of times since the last warning.
    pub(super) fn now(&mut self) -> Option<u64> {
        self.since += 1;
        if self.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_at_once_is_counted_for_the_next_time() {
        let mut complaint = Complaint::default();
        assert_eq!(complaint.now(), Some(1));
        assert_eq!((complaint.now(), complaint.now()), (None, None));
        complaint.last = None;
        assert_eq!(complaint.now(), Some(3));
    }
}
