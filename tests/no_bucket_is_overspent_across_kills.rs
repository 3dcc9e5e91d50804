//! A rate limiter is killed while two sources send far more than they may. Its scenario adds up what comes out: never more than the
//! burst and what the rate yields, in any span of time; and whoever keeps the limit loses nothing.

mod group;

use group::Place;

#[test]
fn kills_of_the_master() {
    let Some(place) = Place::find() else { return };
    let arguments = ["--rate", "8k", "--seconds", "2.5", "--kills", "3", "--cores", "2", "--seed", "41"];
    place.demo("rate_limiter", arguments).assert_exact(3);
}

#[test]
fn kills_of_everybody_while_an_operator_changes_the_limit() {
    let Some(place) = Place::find() else { return };
    let all = "master,gateway,all";
    let arguments = ["--json", "--rate", "4k", "--seconds", "5", "--kills", "6", "--kill", all, "--seed", "42"];
    let mut running = place.start("rate_limiter", "demo", arguments);
    running.record();
    let mut done = 0;
    let mut change = |step: u32| -> Option<()> {
        let ask = |request: String| place.ask_until_end("rate_limiter", &request);
        // Never above the rate that the scenario judges by.
        let rate = 800 * (1 + step % 20);
        let limit = format!("{rate} bytes per second, 32000 at once\n");
        assert_eq!(ask(format!("limit {rate} 32000"))?, Ok(limit.clone()));
        assert_eq!(ask("limit".into())?, Ok(limit));
        let refused = ask(format!("limit {rate} 1"))?.expect_err("no packet would pass");
        assert!(refused.starts_with("the middlebox refuses: a burst of 1 bytes, expected 1518 "), "{refused}");
        done += 1;
        Some(())
    };
    (0..200).try_for_each(&mut change);
    assert!(done >= 3, "{done}");
    running.report().assert_exact(6);
}
