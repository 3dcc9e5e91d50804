//! Connection tracking: what a flow's packets have shown so far, and which packet may come next.
//!
//! ```text
//!             opener SYN        peer SYN ACK            opener ACK
//!  (nothing) ───────────▶ SynSent ─────────▶ SynReceived ─────────▶ Established
//!                                                                        │ FIN of one side
//!            RST in any phase ─────▶ Reset        Closed ◀────────── HalfClosed
//!                                                       FIN of the other
//!
//!             opener's first                 peer's first
//!  (nothing) ───────────────▶ Unanswered ────────────────▶ Answered        UDP and ICMP echo
//! ```
//!
//! Sequence numbers are not followed: a reset is believed whoever made it up, as long as addresses and ports are right.
//!
//! Invariant: a phase depends on the flow's packets only, in the order in which they were noted.

use std::time::Duration;

use ftmb::time::Instant;
use serde::Deserialize;

use super::headers::{ACK, FIN, Head, Protocol, RST, SYN};

/// Who sent a packet of a flow.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    /// The side whose packet opened the flow.
    Opener,
    /// The other one.
    Peer,
}

/// How far a flow is.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// TCP: asked for.
    SynSent,
    /// TCP: granted.
    SynReceived,
    /// TCP: open.
    Established,
    /// TCP: this side has nothing more to say.
    HalfClosed(Party),
    /// TCP: neither has.
    Closed,
    /// TCP: ended by force.
    Reset,
    /// UDP or echo: only the opener has been heard.
    Unanswered,
    /// UDP or echo: both have.
    Answered,
}

impl Phase {
    /// The phase after a packet with these TCP flags; `None`: no such packet may come now.
    fn after(self, from: Party, flags: u8) -> Option<Self> {
        use Party::{Opener, Peer};
        let next = match (self, from) {
            (Self::Unanswered | Self::Answered, Peer) => Self::Answered,
            (Self::Unanswered | Self::Answered, Opener) => self,
            // a reset connection is over; that it was reset may be said again
            (Self::Reset, _) if flags & RST == 0 => return None,
            _ if flags & RST != 0 => Self::Reset,
            // sent again because the answer is late; or after the opener forgot the connection (RFC 9293, 3.5.1)
            (_, Opener) if flags == SYN => self,
            (Self::SynSent, Peer) if flags == SYN | ACK => Self::SynReceived,
            (Self::SynReceived | Self::Established, Peer) if flags == SYN | ACK => self,
            // anything else that opens, and what neither opens nor acknowledges
            _ if flags & SYN != 0 || flags & ACK == 0 => return None,
            (Self::SynSent, _) => return None,
            (Self::SynReceived, Opener) if flags & FIN == 0 => Self::Established,
            (Self::SynReceived | Self::Established, _) if flags & FIN != 0 => Self::HalfClosed(from),
            (Self::HalfClosed(first), _) if flags & FIN != 0 && first != from => Self::Closed,
            _ => self,
        };
        Some(next)
    }
}

/// For how long an idle flow is remembered, in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// An open TCP connection; RFC 5382 asks for at least 2 hours 4 minutes.
    pub(crate) tcp_established: u64,
    /// One that opens, or has closed; RFC 5382 asks for at least 4 minutes.
    pub(crate) tcp_transitory: u64,
    /// UDP and echo that nobody has answered.
    pub(crate) unanswered: u64,
    /// UDP and echo that somebody has; RFC 4787 asks for at least 2 minutes.
    pub(crate) answered: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { tcp_established: 2 * 3600 + 4 * 60, tcp_transitory: 4 * 60, unanswered: 30, answered: 3 * 60 }
    }
}

/// What is remembered of a flow: its phase, and when it was last used.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    phase: Phase,
    seen: Instant,
}

impl Track {
    /// The time is rounded to this, so that a busy flow is written to once a second and not for every packet.
    const GRAIN: Duration = Duration::from_secs(1);

    /// A flow that begins.
    pub(crate) fn open(protocol: Protocol, now: Instant) -> Self {
        Self { phase: if protocol == Protocol::Tcp { Phase::SynSent } else { Phase::Unanswered }, seen: now }
    }

    /// What is to be remembered after a packet, which is most often the same as before; `None`: the packet does not
    /// belong here.
    #[inline]
    pub(crate) fn after(&self, from: Party, head: &Head, now: Instant) -> Option<Self> {
        let phase = self.phase.after(from, head.flags)?;
        let is_news = phase != self.phase || now.duration_since(self.seen) >= Self::GRAIN;
        // another core's clock may be ahead
        Some(Self { phase, seen: if is_news { self.seen.max(now) } else { self.seen } })
    }

    /// Whether the flow is over, so that the same addresses and ports may open a new one.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closed | Phase::Reset)
    }

    /// Whether it has been idle for longer than its phase allows.
    pub(crate) fn is_expired(&self, timeouts: &Timeouts, now: Instant) -> bool {
        let seconds = match self.phase {
            Phase::Established | Phase::HalfClosed(_) => timeouts.tcp_established,
            Phase::SynSent | Phase::SynReceived | Phase::Closed | Phase::Reset => timeouts.tcp_transitory,
            Phase::Unanswered => timeouts.unanswered,
            Phase::Answered => timeouts.answered,
        };
        now.duration_since(self.seen) > Duration::from_secs(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use Party::{Opener, Peer};

    /// The phases that a connection goes through from `SynSent`; ends at the first packet that may not come.
    fn phases(packets: &[(Party, u8)]) -> Vec<Option<Phase>> {
        let mut phase = Some(Phase::SynSent);
        let step = |&(from, flags): &(Party, u8)| {
            phase = phase?.after(from, flags);
            Some(phase)
        };
        packets.iter().map_while(step).collect()
    }

    #[test]
    fn a_connection_opens_talks_and_closes() {
        let all = [
            (Opener, SYN),
            (Peer, SYN | ACK),
            (Peer, SYN | ACK),
            (Opener, ACK),
            (Peer, ACK),
            (Peer, FIN | ACK),
            (Opener, ACK),
            (Peer, FIN | ACK),
            (Opener, FIN | ACK),
            (Peer, ACK),
        ];
        let expected = [
            Phase::SynSent,
            Phase::SynReceived,
            Phase::SynReceived,
            Phase::Established,
            Phase::Established,
            Phase::HalfClosed(Peer),
            Phase::HalfClosed(Peer),
            Phase::HalfClosed(Peer),
            Phase::Closed,
            Phase::Closed,
        ];
        assert_eq!(phases(&all), expected.map(Some));
    }

    #[test]
    fn nothing_passes_that_nobody_asked_for() {
        for packet in [(Peer, ACK), (Peer, SYN), (Peer, FIN | ACK), (Opener, ACK), (Opener, SYN | ACK), (Peer, 0)] {
            assert_eq!(phases(&[packet]), [None], "{packet:?}");
        }
        for flags in [SYN, SYN | FIN | ACK, FIN, 0] {
            assert_eq!(phases(&[(Peer, SYN | ACK), (Opener, ACK), (Peer, flags)])[2], None, "{flags}");
        }
    }

    #[test]
    fn after_a_reset_nothing_but_resets_passes() {
        for from in [Opener, Peer] {
            assert_eq!(Phase::Established.after(from, RST), Some(Phase::Reset));
            assert_eq!(Phase::Reset.after(from, RST | ACK), Some(Phase::Reset));
            assert_eq!(Phase::Reset.after(from, ACK), None);
            assert_eq!(Phase::Reset.after(from, SYN), None);
        }
    }

    #[test]
    fn timeouts_follow_the_phase() {
        let at = |seconds: u64| Instant::from_nanos(seconds * 1_000_000_000);
        let life = |phase| {
            let track = Track { phase, seen: at(10) };
            (0..).find(|seconds| track.is_expired(&Timeouts::default(), at(10 + seconds)))
        };
        assert_eq!(life(Phase::SynSent), Some(241));
        assert_eq!(life(Phase::Established), Some(7441));
        assert_eq!(life(Phase::HalfClosed(Peer)), Some(7441));
        assert_eq!(life(Phase::Closed), Some(241));
        assert_eq!(life(Phase::Unanswered), Some(31));
        assert_eq!(life(Phase::Answered), Some(181));
    }
}
