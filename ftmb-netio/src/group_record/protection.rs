//! Whether a group would survive what it is there to survive. Invariant: `Protected` is said only if the current epoch is active, a
//! checkpoint is committed, and somebody besides the master holds it.

use std::fmt;

use super::{GroupRecord, Phase, Role, Stat};

/// A checkpoint that takes longer does not get on, ns.
const STALL: u64 = 1_000_000_000;

/// How protected a group is.
///
/// ```
/// use ftmb_netio::group_record::{Birth, GroupRecord, Protection};
/// let record = GroupRecord::anonymous(Birth::now(1, 0))?;
/// assert_eq!(record.protection(), Protection::Starting);
/// assert_eq!(Protection::Protected.to_string(), "protected");
/// # Ok::<(), ftmb_runtime::log::LogError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// Nothing has been stamped yet: the first master starts, or its first checkpoint is on its way.
    Starting,
    /// A new master makes what the old one has sent once more; new outputs wait for it.
    TakingOver,
    /// Nothing is lost if the master dies, but there is no standby (or keeper of the image): recovery takes longer, and without
    /// checkpoints the logs fill up.
    NoStandby,
    /// The same: a standby (or keeper) is there and still loads.
    CatchingUp,
    /// A checkpoint has been on its way for more than a second: the standby (or keeper) or the master hangs. The logs fill up.
    Stalled,
    /// Whatever process dies, nothing is lost, and a successor is ready.
    Protected,
    /// The group has ended.
    Ended,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protection::Starting => "starting",
            Protection::TakingOver => "taking over",
            Protection::NoStandby => "degraded, there is no standby",
            Protection::CatchingUp => "degraded, the standby is still loading",
            Protection::Stalled => "degraded, no checkpoint gets done: the standby or the master hangs",
            Protection::Protected => "protected",
            Protection::Ended => "ended",
        })
    }
}

impl GroupRecord {
    /// How protected the group is now, as far as its gateway has noticed.
    pub fn protection(&self) -> Protection {
        if self.ended() != 0 {
            return Protection::Ended;
        }
        let (Some(epoch), Some(_)) = (self.current(), self.committed()) else { return Protection::Starting };
        if !self.is_active() {
            return Protection::TakingOver;
        }
        let mut best = Protection::NoStandby;
        for member in self.members().filter(|member| member.slot() != epoch.master) {
            match member.phase() {
                Phase::Standby | Phase::Keeper if self.lag(member.slot()).is_some_and(|lag| lag <= 1) => {
                    let open = self.stat(Stat::CheckpointOpen);
                    let stalled = open != 0 && self.now().saturating_sub(open) > STALL;
                    return if stalled { Protection::Stalled } else { Protection::Protected };
                }
                Phase::Starting | Phase::Loading | Phase::Standby | Phase::Keeper => best = Protection::CatchingUp,
                Phase::Empty | Phase::Promoted | Phase::Master | Phase::Failed => {}
            }
        }
        best
    }

    /// How many committed checkpoints a member has not applied yet; `None` if it has applied none. The next one is committed only
    /// when a standby (or keeper) has applied the last one: it lags by one at most once it has caught up.
    ///
    /// # Panics
    /// If `slot` is not below [`MEMBERS`](super::MEMBERS).
    pub fn lag(&self, slot: usize) -> Option<u64> {
        // First what is applied: it never overtakes what is committed.
        let applied = self.member(slot).applied()?;
        Some(self.committed()?.saturating_sub(applied))
    }

    /// The slot of the member that follows the checkpoints, standby or keeper, if there is one.
    ///
    /// ```
    /// use ftmb_netio::group_record::{Birth, GroupRecord, Role};
    /// let record = GroupRecord::anonymous(Birth::now(1, 0))?;
    /// assert_eq!(record.follower(), None);
    /// record.member(2).assign(Role::Keeper);
    /// assert_eq!(record.follower(), Some(2));
    /// # Ok::<(), ftmb_runtime::log::LogError>(())
    /// ```
    pub fn follower(&self) -> Option<usize> {
        let master = self.current().map(|epoch| epoch.master);
        let follows = |phase| matches!(phase, Phase::Starting | Phase::Loading | Phase::Standby | Phase::Keeper);
        let all = self.members().filter(|member| Some(member.slot()) != master && follows(member.phase()));
        // A keeper is never promoted; of two standbys it is the one that is furthest.
        all.max_by_key(|member| (member.role() == Role::Keeper, member.phase())).map(|member| member.slot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group_record::{Birth, CoreCut, EpochRecord};

    #[test]
    fn a_group_is_protected_only_when_active_committed_and_followed() {
        let record = GroupRecord::anonymous(Birth::now(1, 0)).expect("memory");
        let epoch =
            |number, master| EpochRecord { number, master, cores: vec![CoreCut::default()], ..EpochRecord::default() };
        assert_eq!(record.protection(), Protection::Starting);
        record.begin_epoch(&epoch(1, 0));
        record.set_active(1);
        assert_eq!(record.protection(), Protection::Starting, "nothing is committed");
        record.commit(0);
        assert_eq!(record.protection(), Protection::NoStandby);
        record.member(1).assign(Role::Standby);
        assert_eq!(record.protection(), Protection::CatchingUp);
        record.member(1).set_phase(Phase::Standby);
        assert_eq!(record.protection(), Protection::CatchingUp, "it has applied nothing");
        record.member(1).set_applied(0);
        assert_eq!((record.protection(), record.follower()), (Protection::Protected, Some(1)));
        record.commit(1);
        assert_eq!(record.protection(), Protection::Protected, "one behind is as far as it ever gets");
        record.commit(2);
        assert_eq!((record.protection(), record.lag(1)), (Protection::CatchingUp, Some(2)));
        record.member(1).set_applied(2);
        record.set_stat(Stat::CheckpointOpen, record.now().max(1));
        assert_eq!(record.protection(), Protection::Protected, "one is on its way, as always");
        record.begin_epoch(&epoch(2, 1));
        assert_eq!(record.protection(), Protection::TakingOver);
        record.set_active(2);
        assert_eq!(record.protection(), Protection::NoStandby, "the standby is the master now");
        record.set_ended(1);
        assert_eq!(record.protection(), Protection::Ended);
    }

    #[test]
    fn a_standby_that_has_caught_up_and_hangs_protects_nobody() {
        let birth = Birth { clock_base: 0, ..Birth::now(1, 0) };
        let record = GroupRecord::anonymous(birth).expect("memory");
        record.begin_epoch(&EpochRecord { number: 1, cores: vec![CoreCut::default()], ..EpochRecord::default() });
        record.set_active(1);
        record.commit(0);
        record.member(1).assign(Role::Standby);
        record.member(1).set_phase(Phase::Standby);
        record.member(1).set_applied(0);
        assert_eq!(record.protection(), Protection::Protected);
        record.set_stat(Stat::CheckpointOpen, record.now() - STALL - 1);
        assert_eq!(record.protection(), Protection::Stalled);
        record.set_stat(Stat::CheckpointOpen, 0);
        assert_eq!(record.protection(), Protection::Protected);
    }
}
