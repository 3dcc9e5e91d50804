//! Gateway, supervisor and loggers with real processes, each of which is killed: nothing that was sent is lost, repeated or
//! contradicted. The members are scripts (see `echo`), so that only this crate is tested.

mod echo;

use echo::Group;
use ftmb_netio::supervisor::StandbyMode;

/// Not a test: the entry of the group's other processes.
#[test]
fn process() {
    echo::process();
}

#[test]
fn a_fresh_group_sends_everything_back_and_ends_in_good_order() {
    let mut group = Group::start(StandbyMode::Passive);
    group.send(2000);
    group.stop();
}

#[test]
fn a_killed_master_is_replaced_by_the_standby_again_and_again() {
    let mut group = Group::start(StandbyMode::Passive);
    for round in 0..5 {
        group.complete();
        group.send(1000 + 100 * round);
        group.kill_master();
        group.send(500);
    }
    group.settle();
    assert!(group.record.epoch() >= 6 && group.record.is_active());
    let takeovers = group.record.takeovers();
    // A takeover whose master was killed before it became active never did.
    let ordered =
        |t: &ftmb_netio::group_record::Takeover| t.detected <= t.begun && (t.active == 0 || t.begun <= t.active);
    assert!(takeovers.len() >= 5 && takeovers.iter().all(ordered), "{takeovers:?}");
    group.stop();
}

#[test]
fn a_killed_standby_is_replaced_and_the_next_takeover_works() {
    let mut group = Group::start(StandbyMode::Passive);
    for _ in 0..3 {
        group.complete();
        group.send(700);
        group.kill_others();
        group.send(700);
        group.complete();
        group.kill_master();
        group.send(300);
    }
    group.stop();
}

#[test]
fn master_and_standby_killed_together_are_replaced_from_the_image() {
    let mut group = Group::start(StandbyMode::Passive);
    for _ in 0..3 {
        group.complete();
        group.send(1000);
        group.kill_master();
        group.kill_others();
        group.send(300);
    }
    group.stop();
}

#[test]
fn without_a_standby_recovery_starts_from_the_image() {
    let mut group = Group::start(StandbyMode::None);
    for _ in 0..3 {
        group.complete();
        group.send(1000);
        group.kill_master();
        group.send(300);
    }
    group.stop();
}

#[test]
fn a_master_killed_again_while_its_successor_replays_is_replaced_once_more() {
    let mut group = Group::start(StandbyMode::Passive);
    for pause in [0, 100, 300, 1000, 3000] {
        group.complete();
        group.send(1500);
        let epoch = group.record.epoch();
        group.kill_master();
        group.wait("the next epoch", |group| group.record.epoch() != epoch);
        std::thread::sleep(std::time::Duration::from_micros(pause));
        group.kill_master();
        group.send(200);
    }
    group.stop();
}

#[test]
fn a_killed_gateway_is_continued_by_the_next_one() {
    let mut group = Group::start(StandbyMode::Passive);
    for _ in 0..5 {
        group.send(1000);
        group.kill_gateway();
        group.send(300);
    }
    group.settle();
    assert_eq!(group.record.epoch(), 1, "the master was adopted");
    group.stop();
}

#[test]
fn gateway_and_master_killed_together_lose_nothing() {
    let mut group = Group::start(StandbyMode::Passive);
    for _ in 0..4 {
        group.complete();
        group.send(800);
        group.kill_master();
        group.kill_gateway();
        group.send(300);
    }
    group.stop();
}

#[test]
fn all_three_killed_at_once_lose_nothing() {
    let mut group = Group::start(StandbyMode::Passive);
    for _ in 0..4 {
        group.complete();
        group.send(800);
        group.kill_gateway();
        group.kill_master();
        group.kill_others();
        group.send(300);
    }
    group.stop();
}

#[test]
fn a_gateway_killed_within_a_takeover_is_continued_by_the_next_one() {
    let mut group = Group::start(StandbyMode::Passive);
    for pause in [0, 200, 500, 1000, 2000, 5000, 10_000] {
        group.complete();
        group.send(800);
        group.kill_master();
        std::thread::sleep(std::time::Duration::from_micros(pause));
        group.kill_gateway();
        group.send(200);
    }
    group.stop();
}

#[test]
fn a_failover_on_request_loses_nothing() {
    let mut group = Group::start(StandbyMode::Passive);
    group.complete();
    group.send(800);
    group.record.ask_failover();
    group.record.gateway_bell().ring();
    group.send(800);
    group.wait("the next epoch", |group| group.record.epoch() == 2);
    group.stop();
}

#[test]
fn a_checkpoint_on_request_is_committed() {
    let mut group = Group::start(StandbyMode::Passive);
    group.complete();
    group.send(100);
    let serial = group.record.ask_checkpoint();
    group.record.gateway_bell().ring();
    group.wait("the checkpoint", |group| group.record.answered() >= serial);
    group.stop();
}

#[test]
fn a_divergence_in_replay_ends_the_group_and_is_not_tried_again() {
    let mut group = Group::start(StandbyMode::Passive);
    group.complete();
    group.send(500);
    group.sabotage("divergence");
    group.kill_master();
    let record = group.record.clone();
    assert_eq!(group.ended(), 2);
    assert_eq!(record.epoch(), 2);
}

#[test]
fn takeovers_that_fail_again_and_again_end_the_group() {
    let mut group = Group::start(StandbyMode::Passive);
    group.complete();
    group.send(500);
    group.sabotage("exit");
    group.kill_master();
    let record = group.record.clone();
    assert_eq!(group.ended(), 4);
    assert!((12..=14).contains(&record.epoch()), "{}", record.epoch());
}
