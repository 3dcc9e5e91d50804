//! A NAT whose module was never written for ftmb is killed while flows come and go.

mod group;

use group::Place;

#[test]
fn with_one_attribute_it_loses_nothing() {
    let Some(place) = Place::find() else { return };
    let arguments = ["--rate", "5k", "--seconds", "3", "--kills", "4", "--cores", "2", "--seed", "8"];
    place.demo("existing_nat", arguments).assert_exact(4);
}
