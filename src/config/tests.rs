use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    text::parse(Path::new("nat.toml"), text, &Overrides::default(), "nat")
}

fn refused(text: &str) -> String {
    parse(text).expect_err("refused").to_string()
}

const WHOLE: &str = r#"
[group]
name = "edge"
cores = 4
tick = 20
checkpoint-interval = 10
standby = "none"
polling = "dedicated"
directory = "/run/groups"
state-dir = "/var/lib/edge"
metrics = "127.0.0.1:9464"

[logs]
in = 1048576

[journal]
directory = "/var/lib/edge/journal"
durability = "sync"
when-slow = "suspend"
when-full = "stop"
keep = 8388608
slow-after = 50

[ports.outside]
kind = "memory"

[ports.inside]
kind = "pcap"
in = "a.pcap"
pace = 300000

[middlebox]
public = "192.0.2.1"
limits = { flows = 3 }
"#;

#[derive(Debug, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nat {
    public: String,
    limits: std::collections::BTreeMap<String, u32>,
}

#[test]
fn every_setting_is_read_and_ports_keep_the_order_of_the_file() {
    let config = parse(WHOLE).unwrap();
    assert_eq!((config.name(), config.cores(), config.standby()), ("edge", 4, StandbyMode::None));
    assert_eq!((config.tick().as_millis(), config.checkpoint_interval().as_millis()), (20, 10));
    assert_eq!((config.polling(), config.keeps_image_in_standby()), (Polling::Dedicated, false));
    assert_eq!((config.directory(), config.state_dir()), (Path::new("/run/groups"), Some(Path::new("/var/lib/edge"))));
    assert_eq!(config.metrics().map(|address| address.to_string()).as_deref(), Some("127.0.0.1:9464"));
    assert_eq!(config.sizes().over(LogSizes::smallest()).input, 1 << 20);
    let names: Vec<_> = config.ports().iter().map(PortSpec::name).collect();
    assert_eq!(names, ["outside", "inside"]);
    assert_eq!(config.port_names().id("inside").unwrap().0, 1);
    let nat: Nat = config.middlebox().unwrap();
    assert_eq!((nat.public.as_str(), nat.limits["flows"]), ("192.0.2.1", 3));
}

#[test]
fn what_is_stored_says_the_same_and_has_the_same_fingerprint() {
    let overrides = Overrides { cores: Some(3), ..Overrides::default() };
    let config = text::parse(Path::new("nat.toml"), WHOLE, &overrides, "nat").unwrap();
    let bytes = config.bytes();
    let stored = Config::from_bytes(Path::new("config"), bytes, &Overrides::default(), "other").unwrap();
    assert_eq!(stored.bytes(), bytes);
    assert_eq!(stored.metrics(), config.metrics());
    assert_eq!(stored.middlebox::<Nat>().unwrap(), config.middlebox::<Nat>().unwrap());
    assert_eq!(stored.fingerprint(3, 7), config.fingerprint(3, 7));
    assert_ne!(stored.fingerprint(3, 7), config.fingerprint(3, 8));
    assert_ne!(stored.fingerprint(3, 7), config.fingerprint(2, 7));
    assert_ne!(stored.fingerprint(3, 7), parse(WHOLE).unwrap().fingerprint(3, 7));
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = parse("").unwrap();
    assert_eq!((config.name(), config.cores(), config.ports().len()), ("nat", 1, 0));
    assert_eq!((config.standby(), config.polling()), (StandbyMode::Passive, Polling::Adaptive));
    config.middlebox::<()>().unwrap();
    assert_eq!(config.middlebox::<Nat>().unwrap(), Nat::default());
}

#[test]
fn errors_name_file_line_and_column() {
    assert!(refused("[group]\ncores = 2\nspeed = 3\n").starts_with("nat.toml:3:1: unknown field `speed`"));
    assert!(refused("[groups]\n").starts_with("nat.toml:1:2: unknown field `groups`"));
    assert!(refused("[group]\ncores = \"two\"\n").starts_with("nat.toml:2:9: invalid type"));
    assert_eq!(refused("[group]\ncores = 99\n"), "nat.toml:2:9: cores: expected 1 to 32, found 99");
    assert_eq!(refused("[group]\n  tick = 0\n"), "nat.toml:2:10: tick: expected 1 to 60000 ms, found 0");
    assert!(refused("[group]\nname = \"a/b\"\n").starts_with("nat.toml:2:8: name: expected 1 to 64 letters"));
    assert!(
        refused("[group]\nmetrics = \"9464\"\n")
            .ends_with("nat.toml:2:11: invalid socket address syntax, found \"9464\"")
    );
    assert!(refused("[group\n").starts_with("nat.toml:1:7: "));
    assert!(refused("[ports.x]\nkind = \"radio\"\n").starts_with("nat.toml:1:1: port `x`: unknown kind `radio`"));
    assert!(
        refused("[ports.x]\nkind = \"memory\"\nspeed = 1\n")
            .starts_with("nat.toml:1:1: port `x`: unknown field `speed`")
    );
}

#[test]
fn of_a_ports_table_the_key_is_named() {
    let device = "[ports.x]\nkind = \"device\"\ninterface = \"eth0\"\n";
    let error = refused(&format!("{device}vnet = \"no\"\n"));
    assert_eq!(error, "nat.toml:1:1: port `x`: `vnet`: invalid type: string \"no\", expected a boolean");
    let error = refused("[ports.x]\nkind = \"device\"\ninterface = 3\n");
    assert_eq!(error, "nat.toml:1:1: port `x`: `interface`: invalid type: integer `3`, expected a string");
    let error = refused("[ports.x]\ninterface = \"eth0\"\n");
    assert_eq!(error, "nat.toml:1:1: port `x`: missing field `kind`");
}

#[test]
fn two_ports_do_not_have_the_same_interface_address_or_file() {
    let two = |kind: &str| refused(&format!("[ports.a]\n{kind}\n[ports.b]\n{kind}\n"));
    let expected = "port `b`: interface eth0 is that of port `a` already, expected one of its own";
    assert_eq!(two("kind = \"device\"\ninterface = \"eth0\""), format!("nat.toml:4:1: {expected}"));
    let error = two("kind = \"udp\"\nlocal = \"0.0.0.0\"\nremote = \"192.0.2.1\"");
    assert!(error.starts_with("nat.toml:5:1: port `b`: UDP address 0.0.0.0:4789 is that of port `a`"), "{error}");
    assert!(two("kind = \"pcap\"\nout = \"x.pcap\"").contains("output file x.pcap is that of port `a`"));
    let ports = ["a=device:eth0", "b=tap:eth0"].map(|port| port.parse().unwrap()).to_vec();
    let overrides = Overrides { ports, ..Overrides::default() };
    let error = text::parse(Path::new("nat.toml"), "", &overrides, "nat").expect_err("refused");
    assert_eq!(error.to_string(), format!("--port b=tap:eth0: {expected}"));
    parse("[ports.a]\nkind = \"pcap\"\nout = \"/dev/null\"\n[ports.b]\nkind = \"pcap\"\nout = \"/dev/null\"\n")
        .unwrap();
}

#[test]
fn errors_in_the_users_table_point_into_the_users_file() {
    let config = parse("[middlebox]\npublic = \"192.0.2.1\"\nlimits = { flows = \"many\" }\n").unwrap();
    let error = config.middlebox::<Nat>().expect_err("refused").to_string();
    assert!(error.starts_with("nat.toml:3:20: invalid type"), "{error}");
    let config = parse("[middlebox]\npublik = 1\n").unwrap();
    let error = config.middlebox::<Nat>().expect_err("refused").to_string();
    assert!(error.starts_with("nat.toml:2:1: unknown field `publik`"), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_position() {
    let error =
        Config::from_bytes(Path::new("x"), b"[group]\n\xff", &Overrides::default(), "nat").expect_err("refused");
    assert!(matches!(error, ConfigError::NotText { position: 8, .. }), "{error}");
}

#[test]
fn the_command_line_wins_and_is_named_when_it_is_wrong() {
    let mut overrides = Overrides {
        cores: Some(2),
        standby: Some(StandbyMode::Passive),
        ports: vec!["inside=memory".parse().unwrap(), "dmz=memory".parse().unwrap()],
        ..Overrides::default()
    };
    let config = text::parse(Path::new("nat.toml"), WHOLE, &overrides, "nat").unwrap();
    assert_eq!((config.cores(), config.standby(), config.name()), (2, StandbyMode::Passive, "edge"));
    let ports: Vec<_> = config.ports().iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["outside=memory", "inside=memory", "dmz=memory"]);

    overrides.cores = Some(0);
    let error = text::parse(Path::new("nat.toml"), WHOLE, &overrides, "nat").expect_err("refused");
    assert_eq!(error.to_string(), "--cores: cores: expected 1 to 32, found 0");
    overrides.cores = None;
    overrides.ports = vec!["a=memory".parse().unwrap(), "a=memory".parse().unwrap()];
    let error = text::parse(Path::new("nat.toml"), WHOLE, &overrides, "nat").expect_err("refused");
    assert_eq!(error.to_string(), "--port a=memory: port `a` is there already");
}

#[test]
fn the_journal_has_defaults_and_is_stored_in_full() {
    use ftmb_netio::journal::{Durability, JournalConfig, WhenFull, WhenSlow};
    let config = parse(WHOLE).unwrap();
    let journal = config.journal().unwrap();
    let expected = JournalConfig {
        durability: Durability::Sync,
        when_slow: WhenSlow::Suspend,
        when_full: WhenFull::Stop,
        keep: 8 << 20,
        slow_after: Duration::from_millis(50),
        ..JournalConfig::new("/var/lib/edge/journal")
    };
    assert_eq!(*journal, expected);
    assert_eq!(parse(config.stored.as_str()).unwrap().journal(), Some(journal));
    assert_eq!(parse("").unwrap().journal(), None);
    let plain = parse("[journal]\ndirectory = \"j\"").unwrap();
    assert_eq!(*plain.journal().unwrap(), JournalConfig::new("j"));
    // The command line wins, and can do without the file.
    let journal = JournalOverrides { directory: Some("k".into()), ..JournalOverrides::default() };
    let over = Overrides { journal, ..Overrides::default() };
    let config = text::parse(Path::new("nat.toml"), WHOLE, &over, "nat").unwrap();
    assert_eq!(config.journal().unwrap().directory, Path::new("k"));
}

#[test]
fn a_journal_without_a_place_or_with_segments_too_small_is_refused() {
    assert!(refused("[journal]\ndurability = \"sync\"").contains("a directory"), "{}", refused("[journal]\nkeep = 1"));
    let small = refused("[journal]\ndirectory = \"j\"\nsegment = 4096");
    assert!(small.contains("nat.toml:3") && small.contains("a multiple of 4096 from 4 MiB to 1 GiB"), "{small}");
    let durability = Some(ftmb_netio::journal::Durability::Sync);
    let over =
        Overrides { journal: JournalOverrides { durability, ..JournalOverrides::default() }, ..Overrides::default() };
    let error = text::parse(Path::new(""), "", &over, "nat").expect_err("refused").to_string();
    assert!(error.contains("--journal DIR"), "{error}");
}
