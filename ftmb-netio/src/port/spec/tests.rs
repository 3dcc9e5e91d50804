//! Both forms of a port, and every way to get them wrong.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

fn parse(text: &str) -> Result<PortSpec, SpecError> {
    text.parse()
}

fn pcap(text: &str) -> PcapSpec {
    match parse(text).unwrap().kind {
        PortKind::Pcap(pcap) => pcap,
        kind => panic!("{kind:?}"),
    }
}

#[test]
fn command_line_form_names_in_out_and_pace() {
    assert_eq!(parse("inside=memory").unwrap(), PortSpec { name: "inside".into(), kind: PortKind::Memory });
    assert_eq!(pcap("inside=pcap:in.pcap"), PcapSpec::reading("in.pcap"));
    assert_eq!(pcap("inside=pcap:in.pcap:out.pcap"), PcapSpec::reading("in.pcap").with_output("out.pcap"));
    assert_eq!(pcap("outside=pcap::out2.pcap"), PcapSpec::writing("out2.pcap"));
    assert_eq!(pcap("a=pcap:x=y.pcap,pace=flat"), PcapSpec::reading("x=y.pcap").with_pace(Pace::Flat));
    assert_eq!(pcap("a=pcap:i,pace=20").pace(), Pace::Rate(20.try_into().unwrap()));
    assert_eq!(pcap("a=pcap:i,pace=timestamps"), PcapSpec::reading("i"));
}

#[test]
fn a_device_has_an_interface_and_options_in_both_forms() {
    let device = |text: &str| match parse(text).unwrap().kind {
        PortKind::Device(device) => device,
        kind => panic!("{kind:?}"),
    };
    let eth0 = DeviceSpec::new("eth0").unwrap();
    assert_eq!(device("a=device:eth0"), eth0);
    assert_eq!(device("a=device:eth0,promiscuous=yes,vnet=yes"), eth0);
    assert_eq!(
        device("a=device:eth0,promiscuous=no,vnet=no"),
        eth0.clone().with_promiscuous(false).with_offload(false)
    );
    for text in ["a=device:eth0", "a=device:eth0,promiscuous=no", "a=device:eth0,vnet=no"] {
        let port = parse(text).unwrap();
        assert_eq!(port.to_string(), text);
        assert_eq!(toml::from_str::<PortSpec>(&toml::to_string(&port).unwrap()).unwrap(), port);
    }
    let table = r#"name = "a"
        kind = "device"
        interface = "eth0"
        promiscuous = false"#;
    assert_eq!(toml::from_str::<PortSpec>(table).unwrap(), parse("a=device:eth0,promiscuous=no").unwrap());
}

#[test]
fn taps_and_overlays_have_both_forms() {
    for text in [
        "a=tap:tap0",
        "a=tap:tap0,persistent=yes",
        "a=tap:tap0,vnet=no",
        "a=udp:0.0.0.0:4789,remote=192.0.2.1:4789",
        "a=udp:[::]:4789,remote=[2001:db8::1]:8472,vni=16777215",
    ] {
        let port = parse(text).unwrap();
        assert_eq!(port.to_string(), text);
        assert_eq!(toml::from_str::<PortSpec>(&toml::to_string(&port).unwrap()).unwrap(), port);
    }
    let table = r#"name = "a"
        kind = "udp"
        local = "0.0.0.0"
        remote = "192.0.2.1"
        vni = 5"#;
    let port = parse("a=udp:0.0.0.0:4789,remote=192.0.2.1:4789,vni=5").unwrap();
    assert_eq!(toml::from_str::<PortSpec>(table).unwrap(), port);
    assert_eq!(parse("a=udp:0.0.0.0,remote=192.0.2.1,vni=5").unwrap(), port);
}

#[test]
fn every_mistake_has_its_own_error() {
    use SpecError::*;
    type Expected = fn(&SpecError) -> bool;
    let cases: &[(&str, Expected)] = &[
        ("", |e| matches!(e, NoName { .. })),
        ("pcap:in.pcap", |e| matches!(e, NoName { .. })),
        ("pcap:in.pcap,pace=flat", |e| matches!(e, NoName { .. })),
        ("=memory", |e| matches!(e, BadName { .. })),
        ("in side=memory", |e| matches!(e, BadName { .. })),
        ("a=", |e| matches!(e, UnknownKind { .. })),
        ("a=dpdk:0", |e| matches!(e, UnknownKind { .. })),
        ("a=device", |e| matches!(e, NoInterface { .. })),
        ("a=device:", |e| matches!(e, NoInterface { .. })),
        ("a=device:an-interface-with-a-long-name", |e| matches!(e, Interface { .. })),
        ("a=device:e/0", |e| matches!(e, Interface { .. })),
        ("a=device:eth0:1", |e| matches!(e, Unexpected { .. })),
        ("a=device:eth0,pace=flat", |e| matches!(e, UnknownOption { .. })),
        ("a=device:eth0,promiscuous", |e| matches!(e, YesOrNo { .. })),
        ("a=device:eth0,vnet=maybe", |e| matches!(e, YesOrNo { .. })),
        ("a=device:eth0,vnet=no,vnet=no", |e| matches!(e, Repeated { .. })),
        ("a=pcap:x,vnet=no", |e| matches!(e, UnknownOption { .. })),
        ("a=tap", |e| matches!(e, NoInterface { kind: "tap", .. })),
        ("a=tap:tap0,queue=2", |e| matches!(e, UnknownOption { .. })),
        ("a=tap:tap0,promiscuous=no", |e| matches!(e, UnknownOption { .. })),
        ("a=tap:tap0,persistent=maybe", |e| matches!(e, YesOrNo { .. })),
        ("a=tap:tap%d", |e| matches!(e, Interface { .. })),
        ("a=tap:tap0:tap1", |e| matches!(e, Unexpected { .. })),
        ("a=udp", |e| matches!(e, NoAddress { option: "local", .. })),
        ("a=udp:127.0.0.1", |e| matches!(e, NoAddress { option: "remote", .. })),
        ("a=udp:somewhere,remote=127.0.0.1", |e| matches!(e, Address { option: "local", .. })),
        ("a=udp:127.0.0.1:1:2,remote=127.0.0.1", |e| matches!(e, Address { option: "local", .. })),
        ("a=udp:127.0.0.1,remote=0.0.0.0", |e| matches!(e, Address { option: "remote", .. })),
        ("a=udp:127.0.0.1,remote=127.0.0.1:0", |e| matches!(e, Address { option: "remote", .. })),
        ("a=udp:127.0.0.1,remote=224.0.0.1", |e| matches!(e, Address { option: "remote", .. })),
        ("a=udp:0.0.0.0,remote=[::1]", |e| matches!(e, Families { .. })),
        ("a=udp:[::],remote=::1,vni=16777216", |e| matches!(e, Vni { .. })),
        ("a=udp:[::],remote=::1,vni=-1", |e| matches!(e, Vni { .. })),
        ("a=udp:[::],remote=::1,remote=::1", |e| matches!(e, Repeated { .. })),
        ("a=pcap", |e| matches!(e, NoFile { .. })),
        ("a=pcap::", |e| matches!(e, NoFile { .. })),
        ("a=pcap:x:y:z", |e| matches!(e, Unexpected { .. })),
        ("a=memory:x", |e| matches!(e, Unexpected { .. })),
        ("a=memory,pace=flat", |e| matches!(e, UnknownOption { .. })),
        ("a=pcap:x,loop=3", |e| matches!(e, UnknownOption { .. })),
        ("a=pcap:x,", |e| matches!(e, UnknownOption { .. })),
        ("a=pcap:x,pace=flat,pace=flat", |e| matches!(e, Repeated { .. })),
        ("a=pcap:x,pace", |e| matches!(e, Pace { .. })),
        ("a=pcap:x,pace=0", |e| matches!(e, Pace { .. })),
        ("a=pcap:x,pace=-3", |e| matches!(e, Pace { .. })),
        ("a=pcap:x,pace=+3", |e| matches!(e, Pace { .. })),
        ("a=pcap:x,pace=18446744073709551615k", |e| matches!(e, Pace { .. })),
        ("a=pcap::x,pace=flat", |e| matches!(e, PaceWithoutInput { .. })),
    ];
    for (text, expected) in cases {
        let error = parse(text).expect_err(text);
        assert!(expected(&error), "{text}: {error:?}");
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Config {
    port: Vec<PortSpec>,
}

#[test]
fn table_form_says_the_same_and_is_checked_the_same() {
    let config: Config = toml::from_str(
        r#"
        port = [
            { name = "a", kind = "pcap", in = "i:1.pcap", out = "o.pcap", pace = 300000 },
            { name = "b", kind = "pcap", in = "i.pcap", pace = "300k" },
            { name = "c", kind = "memory" },
        ]"#,
    )
    .unwrap();
    let rate = Pace::Rate(300_000.try_into().unwrap());
    assert_eq!(
        config.port[0].kind,
        PortKind::Pcap(PcapSpec::reading("i:1.pcap").with_output("o.pcap").with_pace(rate))
    );
    assert_eq!(config.port[1].kind, PortKind::Pcap(PcapSpec::reading("i.pcap").with_pace(rate)));
    assert_eq!(toml::from_str::<Config>(&toml::to_string(&config).unwrap()).unwrap(), config);

    for (wrong, message) in [
        (r#"port = [{ name = "a", kind = "pcap" }]"#, "names no file"),
        (r#"port = [{ name = "a", kind = "tap" }]"#, "names no interface"),
        (r#"port = [{ name = "a", kind = "udp", local = "0.0.0.0" }]"#, "has no remote address"),
        (r#"port = [{ name = "a", kind = "tap", interface = "t", vni = 1 }]"#, "no option `vni`"),
        (r#"port = [{ name = "a", kind = "device" }]"#, "names no interface"),
        (r#"port = [{ name = "a", kind = "device", in = "x" }]"#, "unexpected `x`"),
        (r#"port = [{ name = "a", kind = "pcap", in = "x", vnet = true }]"#, "no option `vnet`"),
        (r#"port = [{ name = "a", kind = "memory", speed = 1 }]"#, "unknown field `speed`"),
        (r#"port = [{ name = "a", kind = "pcap", in = "x", pace = 0 }]"#, "packets per second"),
        (r#"port = [{ name = "a", kind = "pcap", in = "x", pace = -1 }]"#, "packets per second"),
        (r#"port = [{ name = "a", kind = "pcap", in = "x", pace = "slow" }]"#, "unknown pace `slow`"),
    ] {
        let error = toml::from_str::<Config>(wrong).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_port_or_a_typed_error(text in "[a-z:=,0-9M]{0,30}|.{0,30}|a=pcap:.{0,20}|a=tap:.{0,20}|a=udp:[0-9.:]{0,12},remote=[0-9.:]{0,12}") {
        if let Ok(port) = parse(&text) {
            prop_assert_eq!(parse(&port.to_string()).unwrap(), port);
        }
    }

    #[test]
    fn both_forms_survive_a_round_trip(input in "[a-z/.]{0,8}", output in "[a-z/.]{1,8}", rate in 0u64..4) {
        let pace = match rate {
            0 => Pace::Timestamps,
            1 => Pace::Flat,
            rate => Pace::Rate(rate.try_into().unwrap()),
        };
        let pcap = match input.as_str() {
            "" => PcapSpec::writing(output),
            input => PcapSpec::reading(input).with_output(output).with_pace(pace),
        };
        let port = PortSpec::new("p", PortKind::Pcap(pcap)).unwrap();
        prop_assert_eq!(&parse(&port.to_string()).unwrap(), &port);
        prop_assert_eq!(&toml::from_str::<PortSpec>(&toml::to_string(&port).unwrap()).unwrap(), &port);
    }
}
