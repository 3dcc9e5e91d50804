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
    let mut rules = String::new();
    let mut done = 0;
    let mut change = |number: u32| -> Option<()> {
        let ask = |request: String| place.ask_until_end("firewall", &request);
        // No flow of the scenario goes there, so none is cut.
        let rule = format!("deny out tcp to 198.18.{number}.0/24 port 1-{number}");
        let line = format!("{number}: {rule}\n");
        assert_eq!(ask(format!("add {rule}"))?, Ok(format!("{line}0 flows cut\n")));
        rules += &line;
        let list = ask("list".into())?.expect("an answer");
        assert!(list.ends_with(&format!("port 53\n{rules}otherwise: allow out, deny in\n")), "{list}");
        if number.is_multiple_of(4) {
            assert_eq!(ask(format!("remove {number}"))?, Ok(format!("removed {line}0 flows cut\n")));
            rules = rules.replace(&line, "");
            let refused = format!("the middlebox refuses: there is no rule {number}");
            assert_eq!(ask(format!("remove {number}"))?, Err(refused));
        }
        done += 1;
        Some(())
    };
    // The configuration has four, numbered from 1.
    (5..200).try_for_each(&mut change);
    assert!(done >= 3, "{done}");
    running.report().assert_exact(6);
}
