//! What an operator sees of a group in which processes die: messages for machines, figures for Prometheus, `top`.

#[allow(dead_code, reason = "each test uses its share")]
mod capture;
mod group;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use ftmb_netio::group_record::Identity;
use group::{Finished, PATIENCE, Place, Running, example, kill, master};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// All messages so far; each is an object.
fn messages(running: &Running) -> Vec<Value> {
    let errors = running.errors();
    let whole = errors.lines().filter(|line| line.ends_with('}'));
    whole.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn find(running: &Running, words: &str) -> Option<Value> {
    messages(running).into_iter().find(|message| message["message"].as_str().is_some_and(|text| text.contains(words)))
}

fn until(running: &mut Running, words: &str) -> Value {
    running.until(words, |running| find(running, words).is_some());
    find(running, words).expect("seen")
}

/// Whether it was said so often that the group is protected.
fn protected(running: &Running, times: usize) -> bool {
    let said = |message: &Value| message["message"].to_string().contains("protected: whatever");
    messages(running).iter().filter(|message| said(message)).count() >= times
}

#[test]
fn messages_for_machines_say_who_died_how_and_what_became_of_it() {
    let Some(place) = Place::find() else { return };
    let mut up = place.up();
    // What is not set is asked of the usual variable.
    up.args(["--log-format", "json"]).env_remove("FTMB_LOG").env("RUST_LOG", "info");
    let mut running = place.spawn(up);
    let record = running.record();
    until(&mut running, "protected: whatever process dies now");

    let dead = master(&record).expect("it has one");
    assert!(kill(dead));
    let ended = until(&mut running, "the master has ended");
    assert_eq!((&ended["pid"], &ended["level"]), (&dead.pid.into(), &"WARN".into()), "{ended}");
    assert!(ended["status"].as_str().is_some_and(|status| status.contains("signal: 9")), "{ended}");
    assert_eq!(ended["process"]["role"], "gateway", "{ended}");
    let taken = until(&mut running, "takeover complete");
    assert_eq!(taken["epoch"], 2, "{taken}");
    assert!(taken["took_ms"].as_f64().is_some_and(|took| took > 0.0), "{taken}");
    for figure in ["words_replayed", "outputs_checked", "from_checkpoint", "pid"] {
        assert!(taken[figure].is_u64(), "{figure}: {taken}");
    }
    running.until("protection once more", |running| protected(running, 2));
    let standby = record.member(record.follower().expect("there is one")).identity().expect("claimed");
    assert!(kill(standby));
    let ended = until(&mut running, "the standby (or keeper of the image) has ended");
    assert_eq!(ended["pid"], standby.pid, "{ended}");
    running.until("protection a third time", |running| protected(running, 3));

    assert!(kill(record.gateway().expect("it has one")));
    let ended = until(&mut running, "the gateway has ended and is started again");
    assert_eq!((&ended["how"], &ended["process"]["role"]), (&"signal 9".into(), &"parent".into()), "{ended}");
    until(&mut running, "adopted a member");
    running.interrupt();
    assert_eq!(running.wait().code, Some(0));
    // Nothing but objects, to the last line.
    assert_eq!(messages(&running).len(), running.errors().lines().count(), "{}", running.errors());
}

fn stop(process: Identity, signal: Signal) {
    let pid = Pid::from_raw(process.pid as i32).expect("a pid");
    kill_process(pid, signal).expect("ours");
}

#[test]
fn a_standby_that_hangs_is_told_and_so_is_an_input_log_that_is_full() {
    let Some(place) = Place::find() else { return };
    let input = place.path().join("in.pcap");
    let frame = vec![2; 1000];
    capture::write(&input, &vec![(0, &frame); 10_000]);
    let config = format!(
        "[logs]\nin = 1048576\n[ports.left]\nkind = \"pcap\"\nin = {input:?}\npace = 250\n[ports.right]\nkind = \"pcap\"\nout = {:?}\n",
        place.path().join("out.pcap")
    );
    std::fs::write(place.path().join("monitor.toml"), config).expect("written");
    let mut up = place.command("monitor", "up");
    up.args(["--log-format", "json", "--config"]).arg(place.path().join("monitor.toml")).env("FTMB_LOG", "info");
    let mut running = place.spawn(up);
    let record = running.record();
    until(&mut running, "protected: whatever process dies now");
    let standby = record.member(record.follower().expect("there is one")).identity().expect("claimed");
    stop(standby, Signal::STOP);
    let told = until(&mut running, "no checkpoint gets done: the standby or the master hangs");
    assert_eq!(told["level"], "WARN", "{told}");
    let status: Finished = place.command("monitor", "status").output().expect("runs").into();
    assert!(status.text.contains("not protected: degraded, no checkpoint gets done"), "{status:?}");
    // Without checkpoints the input log, of which a checkpoint would free what it covers, fills up.
    let told = until(&mut running, "an input log is full");
    assert!(told["total"].as_u64() > Some(0), "{told}");
    stop(standby, Signal::CONT);
    running.until("protection once more", |running| protected(running, 2));
    running.interrupt();
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn an_error_for_machines_is_an_object_too() {
    let Some(place) = Place::find() else { return };
    let finished: Finished =
        place.command("monitor", "up").args(["--log-format", "json"]).output().expect("runs").into();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let error: Value =
        serde_json::from_str(finished.errors.trim()).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    assert!(error["error"].as_str().is_some_and(|error| error.starts_with("no ports: expected")), "{error}");
}

/// What is answered at the address, if anything is.
fn scrape(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    Some(body.to_owned())
}

fn figure(body: &str, name: &str) -> Option<f64> {
    body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn figures_survive_the_processes_that_they_are_about() {
    let Some(place) = Place::find() else { return };
    let mut up = place.up();
    up.args(["--cores", "2", "--metrics", "127.0.0.1:0", "--log-format", "json"]).env("FTMB_LOG", "info");
    let mut running = place.spawn(up);
    let record = running.record();
    let url = until(&mut running, "answering Prometheus")["url"].as_str().expect("an address").to_owned();
    let address = url.trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
    let mut reaches = |name: &str, least: f64| {
        running.until(name, |_| scrape(&address).and_then(|body| figure(&body, name)).is_some_and(|now| now >= least));
    };
    reaches("ftmb_protected", 1.0);
    reaches("ftmb_release_delay_seconds_count", 5.0);
    reaches("ftmb_checkpoints_total", 3.0);
    kill(master(&record).expect("it has one"));
    reaches("ftmb_takeovers_total", 1.0);
    kill(record.gateway().expect("it has one"));
    reaches("ftmb_gateways_started_total", 2.0);
    reaches("ftmb_protected", 1.0);
    // The middlebox is asked once a second.
    reaches("ftmb_middlebox_total{name=\"packets\"}", 1.0);
    let body = scrape(&address).expect("answered");
    assert!(figure(&body, "ftmb_epoch") >= Some(2.0), "{body}");
    assert!(figure(&body, "ftmb_last_takeover_seconds") > Some(0.0), "{body}");
    for name in [
        "ftmb_packets_in_total{core=\"1\"}",
        "ftmb_log_used_ratio{log=\"in\",core=\"0\"}",
        "ftmb_middlebox_total{name=",
    ] {
        assert!(body.contains(name), "{name}: {body}");
    }
    let status: Finished = place.command("monitor", "status").arg("--json").output().expect("runs").into();
    let status: Value = serde_json::from_str(&status.text).expect("an object");
    assert_eq!(status["epoch"].as_f64(), figure(&body, "ftmb_epoch"), "{status}");
    assert_eq!(status["gateways_started"].as_f64(), figure(&body, "ftmb_gateways_started_total"), "{status}");
    running.interrupt();
    assert_eq!(running.wait().code, Some(0));
    assert_eq!(scrape(&address), None, "nobody is left to answer");
}

#[test]
fn top_prints_once_an_interval_without_a_terminal_and_ends_with_q_on_one() {
    let Some(place) = Place::find() else { return };
    let mut running = place.spawn(place.up());
    running.record();
    let top: Finished =
        place.command("monitor", "top").args(["--interval", "0.05", "--count", "3"]).output().expect("runs").into();
    assert_eq!((top.code, top.text.matches(": running, 1 core,").count()), (Some(0), 3), "{top:?}");
    assert_eq!(top.text.matches("packets/s").count(), 2, "there is nothing to compare the first with: {top:?}");
    assert!(!top.text.contains('\x1b'), "{top:?}");

    // A reader that has seen enough.
    let mut top = place.command("monitor", "top");
    let mut child = top.args(["--interval", "0.05"]).stdout(Stdio::piped()).spawn().expect("started");
    let mut out = child.stdout.take().expect("piped");
    out.read_exact(&mut [0; 16]).expect("read");
    drop(out);
    let since = std::time::Instant::now();
    let ended = loop {
        match child.try_wait().expect("a child") {
            None if since.elapsed() < PATIENCE => std::thread::sleep(std::time::Duration::from_millis(5)),
            ended => break ended,
        }
    };
    if ended.is_none() {
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");

    // A terminal.
    let command = format!(
        "{} top --interval 60 --directory {} --instance group",
        example("monitor").display(),
        place.path().display()
    );
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match script.spawn() {
        Err(_) => eprintln!("skipped: there is no script(1) to make a terminal"),
        Ok(mut child) => {
            let mut out = child.stdout.take().expect("piped");
            let mut seen = Vec::new();
            while !String::from_utf8_lossy(&seen).contains("q ends") {
                let mut some = [0; 4096];
                let read = out.read(&mut some).expect("read");
                assert_ne!(read, 0, "it ended: {}", String::from_utf8_lossy(&seen));
                seen.extend(&some[..read]);
            }
            child.stdin.as_mut().expect("piped").write_all(b"q").expect("written");
            out.read_to_end(&mut seen).expect("read");
            let seen = String::from_utf8_lossy(&seen);
            assert!(child.wait().expect("a child").success(), "{seen}");
            assert!(seen.starts_with("\x1b[?1049h") && seen.trim_end().ends_with("\x1b[?1049l"), "{seen}");
        }
    }
    running.interrupt();
    assert_eq!(running.wait().code, Some(0));
}
