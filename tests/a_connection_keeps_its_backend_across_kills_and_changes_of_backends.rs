//! A load balancer is killed while connections come and go and an operator adds and removes backends. Its scenario sees what the
//! servers see: from the first packet of a connection to the last, the same backend.

mod group;

use group::Place;

#[test]
fn kills_of_the_master() {
    let Some(place) = Place::find() else { return };
    let arguments = ["--rate", "8k", "--seconds", "2.5", "--kills", "3", "--cores", "2", "--seed", "31"];
    place.demo("load_balancer", arguments).assert_exact(3);
}

#[test]
fn kills_of_everybody_while_backends_come_and_go() {
    let Some(place) = Place::find() else { return };
    let all = "master,gateway,all";
    let arguments = ["--json", "--rate", "4k", "--seconds", "5", "--kills", "6", "--kill", all, "--seed", "32"];
    let mut running = place.start("load_balancer", "demo", arguments);
    running.record();
    let ask = |request: &str, backend: &str| place.ask("load_balancer", &[request, backend]);
    for round in 0..8 {
        let new = format!("10.1.1.{round}:8443");
        assert_eq!(ask("add", &new), Ok(format!("{new} gets new connections\n")));
        assert_eq!(ask("add", &new), Err(format!("the middlebox refuses: {new} is a backend already")));
        // Each of the four that are there at the start goes and comes back.
        let old = format!("10.1.0.{}:8443", 1 + round / 2);
        let (verb, change) = if round % 2 == 0 { ("remove", "no new") } else { ("add", "new") };
        assert_eq!(ask(verb, &old), Ok(format!("{old} gets {change} connections\n")));
        if round >= 2 {
            let gone = format!("10.1.1.{}:8443", round - 2);
            assert_eq!(ask("remove", &gone), Ok(format!("{gone} gets no new connections\n")));
        }
    }
    let list = place.ask("load_balancer", &["list"]).expect("an answer");
    let serving: Vec<_> = list.lines().filter(|line| !line.ends_with("draining")).collect();
    let backends = ["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.1.6", "10.1.1.7"];
    assert!(serving.len() == 6 && serving.iter().zip(backends).all(|(line, ip)| line.starts_with(ip)), "{list}");
    running.report().assert_exact(6);
}
