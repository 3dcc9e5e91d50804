//! Who is killed when. Invariant: only processes that this group's record names are killed, each checked to be the one that is meant;
//! and every kill but those meant for a replay finds a group that has recovered from the one before.

use ftmb_netio::group_record::{GroupRecord, Identity, Phase};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::options::Target;
use crate::Result;
use crate::cli::process;

/// The last part of the sending time has no kills: what recovers must be seen to.
const QUIET_END: f64 = 0.1;
/// From so many kills on, every fifth hits a master that is still replaying.
const MANY: u32 = 10;
/// How long a kill waits for a standby to be ready, ns; then it goes ahead without.
const PATIENCE: u64 = 1_500_000_000;
/// How long it waits for the group to have recovered at all, ns.
const RECOVERY: u64 = 20_000_000_000;

/// A kill that is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// When, ns after the start.
    pub(super) at: u64,
    /// What.
    pub(super) target: Target,
    /// As soon as the next master replays, instead of when it has recovered.
    pub(super) in_replay: bool,
}

/// Random instants, spread over the time of sending.
pub(super) fn plan(seed: u64, kills: u32, targets: &[Target], duration: u64) -> Vec<Planned> {
    // Another stream than that of the traffic.
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1);
    let slot = duration as f64 * (1.0 - QUIET_END) / f64::from(kills.max(1));
    let planned = |kill: u32| Planned {
        at: (slot * (f64::from(kill) + rng.random_range(0.1..1.0))) as u64,
        target: targets.choose(&mut rng).copied().unwrap_or(Target::Master),
        in_replay: kills >= MANY && kill % 5 == 4,
    };
    (0..kills).map(planned).collect()
}

/// What the killer has noticed or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Something was killed.
    Killed(Target),
    /// The group is what it was before: a master is active, a gateway runs.
    Recovered,
}

/// What there was before the last kill.
#[derive(Clone, Copy, Debug)]
struct Before {
    master: Option<Identity>,
    gateway: Option<Identity>,
    target: Target,
}

/// Carries out a plan.
#[derive(Debug)]
pub(super) struct Killer {
    record: GroupRecord,
    plan: std::vec::IntoIter<Planned>,
    next: Option<Planned>,
    before: Option<Before>,
    /// When the present kill could have been done first.
    waiting: Option<u64>,
    done: Vec<(u64, Target)>,
}

impl Killer {
    pub(super) fn new(record: GroupRecord, plan: Vec<Planned>) -> Killer {
        let mut plan = plan.into_iter();
        let next = plan.next();
        Killer { record, plan, next, before: None, waiting: None, done: Vec::new() }
    }

    /// Whether everything planned is done and the group has recovered from it.
    pub(super) fn is_done(&self) -> bool {
        self.next.is_none() && self.before.is_none()
    }

    /// What was killed and when, ns after the start.
    pub(super) fn done(&self) -> &[(u64, Target)] {
        &self.done
    }

    /// Looks, and kills if it is time; `elapsed`: ns since the start.
    pub(super) fn step(&mut self, elapsed: u64) -> Result<Option<Event>> {
        if let Some(before) = self.before
            && self.has_recovered(before)
        {
            self.before = None;
            return Ok(Some(Event::Recovered));
        }
        let Some(kill) = self.next.filter(|kill| kill.at <= elapsed) else { return Ok(None) };
        let since = *self.waiting.get_or_insert(elapsed);
        if !self.is_time(kill, elapsed - since) || !self.kill(kill.target)? {
            return Ok(None);
        }
        self.done.push((elapsed, kill.target));
        (self.next, self.waiting) = (self.plan.next(), None);
        Ok(Some(Event::Killed(kill.target)))
    }

    fn master(&self) -> Option<Identity> {
        self.record.member(self.record.current()?.master).identity()
    }

    /// The standby or keeper.
    fn second(&self) -> Option<(Identity, Phase)> {
        let master = self.record.current()?.master;
        let others = self.record.members().filter(|member| member.slot() != master);
        others.filter_map(|member| member.identity().map(|identity| (identity, member.phase()))).next()
    }

    fn has_recovered(&self, before: Before) -> bool {
        let masters_gone = matches!(before.target, Target::Master | Target::Both | Target::All);
        let gateway_gone = matches!(before.target, Target::Gateway | Target::All);
        (!masters_gone || self.master() != before.master && self.record.is_active())
            && (!gateway_gone || self.record.gateway() != before.gateway && self.record.is_active())
    }

    fn is_time(&self, kill: Planned, waited: u64) -> bool {
        if let Some(before) = self.before {
            // A new master that has not caught up yet.
            let replaying =
                self.master().is_some_and(|master| Some(master) != before.master) && !self.record.is_active();
            return kill.in_replay && replaying || waited > RECOVERY;
        }
        let ready = self.second().is_some_and(|(_, phase)| matches!(phase, Phase::Standby | Phase::Keeper));
        self.record.is_active() && (ready || waited > PATIENCE)
    }

    /// Kills the target; false: it is not there just now.
    fn kill(&mut self, target: Target) -> Result<bool> {
        let before = Before { master: self.master(), gateway: self.record.gateway(), target };
        let second = self.second().map(|(identity, _)| identity);
        let (gateway, master, second) = match target {
            Target::Master => (None, before.master, None),
            Target::Standby => (None, None, second),
            Target::Both => (None, before.master, second),
            Target::Gateway => (before.gateway, None, None),
            Target::All => (before.gateway, before.master, second),
        };
        let mut killed = false;
        // The gateway first: it would start what is killed again.
        for identity in [gateway, master, second].into_iter().flatten() {
            killed |= process::kill(identity)?;
        }
        if killed {
            self.before = Some(before);
        }
        Ok(killed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftmb_netio::group_record::{Birth, EpochRecord, Role};
    use std::process::{Child, Command};

    #[test]
    fn the_plan_depends_on_the_seed_and_leaves_a_quiet_end() {
        let second = 1_000_000_000;
        let kills = plan(7, 20, &[Target::Master, Target::Gateway], 10 * second);
        assert_eq!(kills, plan(7, 20, &[Target::Master, Target::Gateway], 10 * second));
        assert_ne!(kills, plan(8, 20, &[Target::Master, Target::Gateway], 10 * second));
        assert!(kills.is_sorted_by_key(|kill| kill.at));
        assert!(kills.iter().all(|kill| kill.at <= 9 * second));
        assert!(kills.iter().any(|kill| kill.target == Target::Gateway));
        assert_eq!(kills.iter().filter(|kill| kill.in_replay).count(), 4);
        assert!(plan(7, 5, &[Target::Master], second).iter().all(|kill| !kill.in_replay));
        assert!(plan(7, 0, &[Target::Master], second).is_empty());
    }

    fn member(record: &GroupRecord, slot: usize, phase: Phase) -> Child {
        let child = Command::new("sleep").arg("60").spawn().expect("there is a sleep");
        let token = record.member(slot).assign(Role::Standby);
        assert!(record.member(slot).claim(token, Identity::of(child.id()).expect("alive")));
        record.member(slot).set_phase(phase);
        child
    }

    fn begin(record: &GroupRecord, number: u64, master: usize) {
        record.begin_epoch(&EpochRecord { number, master, cores: vec![Default::default()], ..EpochRecord::default() });
    }

    #[test]
    fn the_master_is_killed_when_a_standby_is_ready_and_not_again_before_the_takeover() {
        let record = GroupRecord::anonymous(Birth::now(1, 0)).expect("memory");
        let mut master = member(&record, 0, Phase::Master);
        let mut standby = member(&record, 1, Phase::Loading);
        begin(&record, 1, 0);
        record.set_active(1);
        let at = |at| Planned { at, target: Target::Master, in_replay: false };
        let mut killer = Killer::new(record.clone(), vec![at(10), at(20)]);
        assert_eq!(killer.step(9).expect("looked"), None, "too early");
        assert_eq!(killer.step(10).expect("looked"), None, "the standby is not ready");
        record.member(1).set_phase(Phase::Standby);
        assert_eq!(killer.step(11).expect("killed"), Some(Event::Killed(Target::Master)));
        assert!(!master.wait().expect("reaped").success());
        begin(&record, 2, 1);
        assert_eq!(killer.step(30).expect("looked"), None, "not active");
        record.set_active(2);
        assert_eq!(killer.step(31).expect("looked"), Some(Event::Recovered));
        assert!(!killer.is_done());
        assert_eq!(killer.step(32).expect("looked"), None, "no standby");
        assert_eq!(killer.step(PATIENCE + 33).expect("killed"), Some(Event::Killed(Target::Master)));
        assert!(!standby.wait().expect("reaped").success());
        assert_eq!(killer.done(), [(11, Target::Master), (PATIENCE + 33, Target::Master)]);
    }
}
