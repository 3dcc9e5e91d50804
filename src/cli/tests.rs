use super::*;

fn arguments(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn refused(line: &str) -> String {
    parse("nat", &arguments(line)).expect_err("refused").to_string()
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_is_understood() {
    let lines = [
        "nat up --port inside=pcap:a.pcap:b.pcap,pace=flat --port outside=pcap::c.pcap --cores 4 --standby none",
        "nat up --config nat.toml --polling dedicated --tick 10 --checkpoint-interval 20 --state-dir /var/lib/nat",
        "nat check-config --config nat.toml --metrics 127.0.0.1:9464",
        "nat demo --log-format json",
        "nat demo --seed 7 --seconds 2.5 --rate 300k --kills 9 --kill master,gateway,all --cores 2 --standby none --json",
        "nat status --json --instance nat-2 --directory /run/groups",
        "nat failover",
        "nat checkpoint --instance nat-2",
        "nat control --instance nat-2 add deny in any",
        "nat control remove -3",
        "nat top --interval 0.5 --count 3 --instance nat-2",
        "nat completions zsh",
        "nat man /usr/local/share/man/man1",
        "nat log dump in.0 --from 128 --limit 10",
    ];
    for line in lines {
        parse("nat", &arguments(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn mistakes_are_named() {
    assert!(refused("nat up --port inside").contains("has no name"));
    assert!(refused("nat up --port inside=tap:").contains("names no interface"));
    assert!(refused("nat up --standby hot").contains("[possible values: passive, none]"));
    assert!(refused("nat demo --kill parent").contains("master, standby, both, gateway, all"));
    assert!(refused("nat demo --rate fast").contains("packets per second"));
    assert!(refused("nat control --instance nat-2").contains("<REQUEST>..."));
    assert!(refused("nat demo --seconds 0").contains("seconds"));
    assert!(refused("nat top --interval 0").contains("0.01 to 3600 seconds"));
    assert!(refused("nat completions cmd").contains("[possible values: bash, zsh, fish]"));
    assert!(refused("nat up --metrics 9464").contains("invalid socket address"));
    assert!(refused("nat up --log-format xml").contains("[possible values: text, json]"));
}

#[test]
fn help_speaks_of_the_program() {
    let help = refused("nat --help");
    assert!(help.contains("Usage: nat [OPTIONS] <COMMAND>"), "{help}");
    for command in [
        "up",
        "check-config",
        "demo",
        "status",
        "top",
        "failover",
        "checkpoint",
        "control",
        "log",
        "completions",
        "man",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
    assert!(refused("nat demo --help").contains("Usage: nat demo [OPTIONS]"));
}

#[test]
fn the_unit_file_calls_what_there_is_and_promises_what_is_kept() {
    let unit = include_str!("../../contrib/ftmb-nat.service");
    let setting = |name: &str| {
        let prefix = format!("{name}=");
        unit.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_else(|| panic!("no {name}"))
    };
    for command in ["ExecStart", "ExecStartPre"] {
        parse("nat", &arguments(setting(command))).unwrap_or_else(|error| panic!("{command}: {error}"));
    }
    // A signal to all processes at once would be a kill of the master; and one that memory kills is replaced.
    assert_eq!((setting("Type"), setting("KillMode"), setting("OOMPolicy")), ("notify", "mixed", "continue"));
    let stop: u64 = setting("TimeoutStopSec").parse().expect("seconds");
    assert!(stop > parent::PATIENCE.as_secs(), "systemd waits longer than the parent does");
}
