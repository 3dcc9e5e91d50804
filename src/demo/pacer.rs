//! How many packets are due. Invariant: at any time as many as the rate and the clock say have been asked for; what could not be
//! sent when it was due is sent later, never forgotten.

/// How long packets are collected before they are sent together, ns.
const QUANTUM: u64 = 100_000;

/// An even pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    rate: u64,
    started: u64,
    sent: u64,
    /// The next time to send.
    next: u64,
}

impl Pacer {
    /// `rate` packets per second from `now` (ns) on.
    pub(super) fn new(rate: u64, now: u64) -> Pacer {
        Pacer { rate, started: now, sent: 0, next: now }
    }

    /// Packets that should have been sent by now and have not.
    pub(super) fn behind(&self, now: u64) -> u64 {
        let due = u128::from(now.saturating_sub(self.started)) * u128::from(self.rate) / 1_000_000_000;
        (due as u64).saturating_sub(self.sent)
    }

    /// Packets to send now: none before enough of them are due together.
    pub(super) fn due(&mut self, now: u64) -> u64 {
        if now < self.next {
            return 0;
        }
        let due = self.behind(now);
        if due != 0 {
            let interval = (1_000_000_000 / self.rate).clamp(QUANTUM, 10_000_000);
            self.next = (self.next + interval).max(now.saturating_sub(interval));
        }
        due
    }

    /// One was sent.
    pub(super) fn sent(&mut self) {
        self.sent += 1;
    }

    /// When to ask again, ns from now.
    pub(super) fn pause(&self, now: u64) -> u64 {
        let due = u128::from(self.sent + 1) * 1_000_000_000 / u128::from(self.rate);
        (self.started + due as u64).max(self.next).saturating_sub(now).max(QUANTUM / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_follows_the_clock_and_what_was_not_sent_stays_due() {
        let mut pacer = Pacer::new(1_000_000, 5_000);
        assert_eq!(pacer.due(5_000), 0);
        assert_eq!(pacer.due(205_000), 200);
        (0..150).for_each(|_| pacer.sent());
        assert_eq!(pacer.behind(205_000), 50);
        assert_eq!(pacer.due(205_000), 50, "two quanta have passed, one was used");
        assert_eq!(pacer.due(1_005_000), 850);
    }

    #[test]
    fn over_a_second_as_many_as_the_rate_are_sent() {
        for rate in [1, 7, 300_000] {
            let mut pacer = Pacer::new(rate, 0);
            let mut now = 0;
            let mut sent = 0;
            while now <= 1_000_000_000 {
                for _ in 0..pacer.due(now) {
                    pacer.sent();
                    sent += 1;
                }
                now += pacer.pause(now);
            }
            assert!((rate.saturating_sub(rate / 1000 + 1)..=rate).contains(&sent), "{sent} of {rate}");
        }
    }
}
