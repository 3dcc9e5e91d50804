//! `check-config`: whether `up` could run. Invariant: nothing is started, written or removed; what is said to be wrong is all that is
//! wrong as far as it can be seen without running, not the first of it.

use std::net::TcpListener;
use std::path::Path;

use ftmb_netio::group_dir::{LogSizes, Prospect, check_directory};
use ftmb_netio::port::device::DevicePort;
use ftmb_netio::port::pcap::{PcapOptions, PcapPort};
use ftmb_netio::port::{PcapSpec, PortKind, PortSpec};
use ftmb_netio::supervisor::StandbyMode;
use ftmb_netio::uring::EngineChoice;
use ftmb_runtime::packet::PortId;

use super::parent::state;
use super::table::{Table, bytes, many};
use super::up::UpOptions;
use super::{CommandError, Program, print};
use crate::config::Config;
use crate::{Error, Result};

pub(super) fn run(options: &UpOptions, program: &Program<'_>) -> Result<()> {
    let config = options.load(program)?;
    let place = look(&config, program)?;
    let file = options.group.file().map_or_else(|| "the command line".into(), |file| file.display().to_string());
    print(&summary(&file, &config, &place))
}

/// What is found where the group is to live.
#[derive(Debug)]
struct Found {
    prospect: Prospect,
    sizes: LogSizes,
}

fn look(config: &Config, program: &Program<'_>) -> Result<Found> {
    let mut reasons = Vec::new();
    let mut note = |result: Result<()>| reasons.extend(result.err());
    note((program.layout)(config).map(|_| ()));
    for (at, port) in config.ports().iter().enumerate() {
        note(check_port(PortId(at as u16), port));
    }
    if let Some(journal) = config.journal() {
        note(check_directory(&journal.directory).map_err(Into::into));
    }
    let found = find(config);
    if let Ok(Found { prospect, .. }) = &found {
        if let Some(path) = state::choose(config, prospect.free) {
            note(check_directory(&path).map_err(Into::into));
        }
        note(check_metrics(config, prospect.running.is_some()));
    }
    let found = found.map_err(|error| reasons.push(error));
    match (found, reasons.len()) {
        (Ok(found), 0) => Ok(found),
        (_, 1) => Err(reasons.remove(0)),
        _ => Err(CommandError::Configuration { reasons }.into()),
    }
}

fn find(config: &Config) -> Result<Found> {
    let prospect = Prospect::of(config.directory(), config.name())?;
    let sizes = prospect.sizes(config.cores(), false, |chosen| config.sizes().over(chosen))?;
    Ok(Found { prospect, sizes })
}

/// What can be known of a port by opening it and not using it.
fn check_port(id: PortId, port: &PortSpec) -> Result<()> {
    let name = || port.name().to_owned();
    if let PortKind::Device(device) = port.kind() {
        // As `up` would, and closed again: a second socket takes nothing away from one that is in use.
        DevicePort::open(id, device, EngineChoice::Auto)
            .map_err(|source| CommandError::OpenPort { name: name(), source: Box::new(source) })?;
    }
    let PortKind::Pcap(pcap) = port.kind() else { return Ok(()) };
    if let Some(input) = pcap.input() {
        // Only the input: opening the output would replace it.
        PcapPort::open(id, &PcapSpec::reading(input), &PcapOptions::default())
            .map_err(|source| CommandError::OpenPort { name: name(), source: Box::new(source) })?;
    }
    if let Some(directory) = pcap.output().and_then(Path::parent) {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let refused = |source| CommandError::OutputDirectory {
            name: name(),
            directory: directory.into(),
            source: Box::new(source),
        };
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        if !directory.exists() {
            let source = ftmb_netio::Error::Io { path: directory.into(), step: "stat", source: missing() };
            return Err(refused(source).into());
        }
        check_directory(directory).map_err(refused)?;
    }
    Ok(())
}

/// Somebody can listen there; if the group is running, it does.
fn check_metrics(config: &Config, running: bool) -> Result<()> {
    let Some(address) = config.metrics() else { return Ok(()) };
    match TcpListener::bind(address) {
        Err(error) if running && error.kind() == std::io::ErrorKind::AddrInUse => Ok(()),
        Err(source) => Err(Error::from(CommandError::Metrics { address, source })),
        Ok(_) => Ok(()),
    }
}

fn summary(file: &str, config: &Config, found: &Found) -> String {
    let Found { prospect, sizes } = found;
    let mut table = Table::default();
    let mut line = |what: &str, value: String| {
        table.row([format!("{what:<12}{value}")]);
    };
    let (cores, tick) = (many(config.cores() as u64, "core"), config.tick().as_millis());
    line("group", format!("{}, {cores}, a tick every {tick} ms", config.name()));
    let interval = config.checkpoint_interval().as_millis();
    let standby = match config.standby() {
        StandbyMode::Passive => "a standby follows",
        StandbyMode::None => "no standby: a new process starts from the image",
    };
    line("protection", format!("a checkpoint every {interval} ms at most; {standby}"));
    for (at, port) in config.ports().iter().enumerate() {
        line(&format!("port {at}"), port.to_string());
    }
    let now = match prospect.running {
        Some(pid) => format!("; a group of this name is running (process {pid})"),
        None if prospect.stale => "; what a group of this name left there is removed first".into(),
        None => String::new(),
    };
    line("directory", format!("{}, {} free{now}", prospect.path.display(), bytes(prospect.free)));
    line(
        "logs",
        format!(
            "{} in all; of each core: in {}, det 2 x {}, out 2 x {}",
            bytes(sizes.total(config.cores(), false)),
            bytes(sizes.input),
            bytes(sizes.det),
            bytes(sizes.out)
        ),
    );
    let image = state::choose(config, prospect.free);
    line("image", image.map_or_else(|| "with the group".into(), |path| path.display().to_string()));
    if !config.has_middlebox() {
        line("middlebox", "its defaults: there is no [middlebox]".into());
    }
    line("metrics", config.metrics().map_or_else(|| "not asked for".into(), |at| format!("http://{at}/metrics")));
    format!("{file}: everything that can be checked without running is right\n\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::GroupOptions;

    fn loaded(ports: &[&str]) -> Config {
        let ports: Vec<PortSpec> = ports.iter().map(|port| port.parse().expect("a port")).collect();
        GroupOptions::default().load("nat", &ports).expect("well-formed")
    }

    fn program(layout: &dyn Fn(&Config) -> Result<u64>) -> Program<'_> {
        Program { name: "nat", layout, flow_hash: |_, _| None, scenario: None }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let config = loaded(&["inside=pcap:/nonexistent/in.pcap", "outside=pcap::/nonexistent/out.pcap"]);
        let layout = |_: &Config| Err(Error::Construction("no rules".into()));
        let error = format!("{:?}", look(&config, &program(&layout)).expect_err("it cannot work"));
        assert!(error.starts_with("the configuration cannot work, for 3 reasons:\n"), "{error}");
        for word in [
            "could not be constructed: no rules",
            "port `inside`: cannot open /nonexistent/in.pcap",
            "port `outside`: /nonexistent:",
        ] {
            assert!(error.contains(word), "{word}: {error}");
        }
    }

    #[test]
    fn an_interface_that_is_not_there_is_named_with_its_port() {
        let config = loaded(&["inside=device:none0"]);
        let error = format!("{:?}", look(&config, &program(&|_| Ok(0))).expect_err("it cannot work"));
        assert!(error.starts_with("port `inside`: ") && error.contains("none0"), "{error}");
    }

    #[test]
    fn an_address_that_is_not_this_hosts_is_refused() {
        let root = tempfile::tempdir().expect("a directory");
        let file = root.path().join("nat.toml");
        // From the block for documentation: nobody has it.
        std::fs::write(&file, "[group]\nmetrics = \"192.0.2.1:9464\"\n").expect("written");
        let config = Config::load(Some(&file), &crate::config::Overrides::default(), "nat").expect("well-formed");
        let error = check_metrics(&config, false).expect_err("nobody can listen there").to_string();
        assert!(error.starts_with("metrics: expected an address of this host") && error.contains("192.0.2.1:9464"));
    }
}
