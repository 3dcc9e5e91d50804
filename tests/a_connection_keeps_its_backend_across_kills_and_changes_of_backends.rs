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
    let mut done = 0;
    let mut change = |round: u32| -> Option<()> {
        let ask = |request: String| place.ask_until_end("load_balancer", &request);
        let new = format!("10.1.1.{round}:8443");
        assert_eq!(ask(format!("add {new}"))?, Ok(format!("{new} gets new connections\n")));
        assert_eq!(ask(format!("add {new}"))?, Err(format!("the middlebox refuses: {new} is a backend already")));
        // Each of the four that are there at the start goes and comes back.
        let old = format!("10.1.0.{}:8443", 1 + round / 2 % 4);
        let (verb, change) = if round.is_multiple_of(2) { ("remove", "no new") } else { ("add", "new") };
        assert_eq!(ask(format!("{verb} {old}"))?, Ok(format!("{old} gets {change} connections\n")));
        if round >= 2 {
            let gone = format!("10.1.1.{}:8443", round - 2);
            assert_eq!(ask(format!("remove {gone}"))?, Ok(format!("{gone} gets no new connections\n")));
        }
        let list = ask("list".into())?.expect("an answer");
        let serving = list.lines().filter(|line| !line.ends_with("draining")).count() as u32;
        assert_eq!(serving, 4 - (1 - round % 2) + 2.min(round + 1), "{list}");
        done += 1;
        Some(())
    };
    (0..100).try_for_each(&mut change);
    assert!(done >= 3, "{done}");
    running.report().assert_exact(6);
}
