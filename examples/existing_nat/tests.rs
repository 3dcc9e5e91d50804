//! The module's lines do what a NAT does, crashes or not.

use ftmb::prelude::*;

use crate::traffic::driver::{self, Single};
use crate::traffic::offloads;
use crate::{INSIDE, NatScenario, OUTSIDE, make};

#[test]
fn every_packet_is_translated_as_the_scenario_asks() {
    let mut nat = Single::new(make);
    driver::assert_clean::<NatScenario>(3000, 2000, |frame| nat.process(frame));
}

#[test]
fn it_survives_crashes_at_any_access() {
    driver::assert_survives::<_, NatScenario>(make);
}

#[test]
fn what_is_left_to_the_interface_stays_right() {
    let (client, server) = ("10.0.0.7:5000".parse().unwrap(), "203.0.113.9:80".parse().unwrap());
    offloads::assert_checksums_stay_right(make, client, server);
}

#[test]
fn what_is_no_packet_is_dropped_and_counted() {
    let mut nat = Single::new(make);
    for port in [INSIDE, OUTSIDE] {
        for len in 0..80 {
            assert!(nat.process(&Frame::new(port, vec![0x45; len], 0)).is_empty());
        }
    }
    nat.tick();
}
