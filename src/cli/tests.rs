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
        "nat demo",
        "nat demo --seed 7 --seconds 2.5 --rate 300k --kills 9 --kill master,gateway,all --cores 2 --standby none --json",
        "nat status --json --instance nat-2 --directory /run/groups",
        "nat failover",
        "nat checkpoint --instance nat-2",
        "nat control --instance nat-2 add deny in any",
        "nat control remove -3",
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
}

#[test]
fn help_speaks_of_the_program() {
    let help = refused("nat --help");
    assert!(help.contains("Usage: nat <COMMAND>"), "{help}");
    for command in ["up", "demo", "status", "failover", "checkpoint", "control", "log"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
    assert!(refused("nat demo --help").contains("Usage: nat demo [OPTIONS]"));
}
