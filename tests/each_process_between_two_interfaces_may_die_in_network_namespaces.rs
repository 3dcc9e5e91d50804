//! A NAT between two interfaces, whose processes die one by one, two at a time, and all at once. Whatever dies, connections go on and
//! flows keep their ports. If it is the gateway, nobody has the interfaces open for a moment, and TCP sends again what was lost then.

mod network;

use std::time::Duration;

use network::group::{self, Group, Victim};
use network::load::{self, Client};
use network::process::{PATIENCE, until};
use network::{Lab, Plan, Wire, lab, possible};

const PAUSE: Duration = Duration::from_millis(150);
/// How long an interface is away: several gateways look for it in vain.
const AWAY: Duration = Duration::from_millis(1200);

/// Kills under load.
fn survives(rounds: usize, victims: &[&[Victim]], options: &[&str]) {
    survives_all(options, |_, group| {
        for _ in 0..rounds {
            for victims in victims {
                group.kill(victims);
                std::thread::sleep(PAUSE);
            }
        }
    });
}

/// Something happens under load; then everything must be as if nothing had been.
fn survives_all(options: &[&str], happens: impl FnOnce(&Lab, &mut Group)) {
    if !possible(&["ss"]) {
        return;
    }
    let lab = Lab::build(Plan { wire: Wire::Transparent, ..Plan::default() });
    let mut group = Group::start(&lab, "nat", &group::nat(), options);
    let _servers = load::serve(&lab, lab::SERVER);
    let flows = Client::start(&lab, "flows --flows 30 --every 20");
    let storm = Client::start(&lab, "connections --rate 100 --long-lived 50 --every 50 --patience 50");
    until("connections", || lab.client.sh("ss --tcp --no-header state established").lines().count() >= 50);
    happens(&lab, &mut group);
    group.until_ready();
    let report = storm.end(PATIENCE);
    for kind in ["short", "long_lived"] {
        let count = |key: &str| report.count(&format!("/{kind}/{key}"));
        assert_eq!((count("broken"), count("complete")), (0, count("opened")), "{report:?}, {}", group.log());
    }
    let report = flows.end(PATIENCE);
    assert_eq!((report.count("/changed"), report.count("/silent")), (0, 0), "{report:?}");
    eprintln!("questions lost: {} of {}", report.count("/lost"), report.count("/sent"));
    eprintln!("lost: {:?}; {:?}", group.losses(), group.outages());
    group.end();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_gateway() {
    survives(3, &[&[Victim::Gateway]], &[]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_standby() {
    survives(3, &[&[Victim::Standby]], &[]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_master_and_the_standby() {
    survives(3, &[&[Victim::Master, Victim::Standby]], &[]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn all_of_them_and_each_in_turn() {
    use Victim::{Gateway, Master, Standby};
    survives(
        1,
        &[&[Gateway, Master, Standby], &[Master, Gateway], &[Standby], &[Master], &[Gateway], &[Gateway, Standby]],
        &[],
    );
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_master_without_a_standby() {
    survives(3, &[&[Victim::Master]], &["--standby", "none"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_master_more_often_than_checkpoints_are_made() {
    survives(20, &[&[Victim::Master]], &["--checkpoint-interval", "10000"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_interface_that_goes_and_comes_again() {
    survives_all(&[], |lab, group| {
        // To be taken away or to be deleted is the same to who has it open; so the far end stays as it is.
        lab.middle.sh(&format!("ip link set inside netns {}", lab.client.path()));
        std::thread::sleep(AWAY);
        lab.client.sh(&format!("ip link set inside netns {}", lab.middle.path()));
        lab.middle.sh("ip link set inside up");
        group.until_another_gateway();
    });
}
