//! A firewall is killed while flows come and go and an operator changes its rules. Its scenario holds every packet against what it
//! knows: no flow that was allowed is cut, nothing comes through that is blocked. What the operator was told stays true.

mod group;

use group::Place;

#[test]
fn kills_of_the_master() {
    let Some(place) = Place::find() else { return };
    let arguments = ["--rate", "8k", "--seconds", "2.5", "--kills", "3", "--cores", "2", "--seed", "21"];
    place.demo("firewall", arguments).assert_exact(3);
}

#[test]
fn kills_of_everybody_while_an_operator_changes_the_rules() {
    let Some(place) = Place::find() else { return };
    let all = "master,gateway,all";
    let arguments = ["--json", "--rate", "4k", "--seconds", "5", "--kills", "6", "--kill", all, "--seed", "22"];
    let mut running = place.start("firewall", "demo", arguments);
    running.record();
    let ask = |request: &str| place.ask("firewall", &request.split(' ').collect::<Vec<_>>());
    let mut expected = ask("list").expect("an answer");
    let last = "otherwise: allow out, deny in\n";
    for number in 5..25 {
        // No flow of the scenario goes there, so none is cut.
        let rule = format!("deny out tcp to 198.18.{number}.0/24 port 1-{number}");
        assert_eq!(ask(&format!("add {rule}")), Ok(format!("{number}: {rule}\n0 flows cut\n")));
        expected = expected.replace(last, &format!("{number}: {rule}\n{last}"));
        assert_eq!(ask("list"), Ok(expected.clone()));
        if number % 4 == 0 {
            let line = format!("{number}: {rule}\n");
            assert_eq!(ask(&format!("remove {number}")), Ok(format!("removed {line}0 flows cut\n")));
            expected = expected.replace(&line, "");
            let refused = format!("the middlebox refuses: there is no rule {number}");
            assert_eq!(ask(&format!("remove {number}")), Err(refused));
        }
    }
    running.report().assert_exact(6);
}
