//! `demo`: kills the middlebox under load and checks every packet. Invariant: nothing of what is said at the end is taken from the
//! group itself but figures about time and space; what was lost, duplicated or contradicted is judged by what this process sent and
//! received.

mod checker;
mod drive;
mod flight;
mod killer;
mod latency;
mod options;
mod pacer;
mod progress;
mod report;

use ftmb_netio::group_dir::GroupDir;
use ftmb_netio::port::{PortKind, PortSpec};
use ftmb_runtime::packet::PortError;

use crate::cli::parent::Parent;
use crate::cli::{Program, Signals, print};
use crate::config::{Config, ConfigError, Place};
use crate::scenario::{Generic, Scenario};
use crate::{Error, Result};

pub(crate) use options::DemoOptions;

/// Ports that are tried before a middlebox that asks for ever more of them is refused.
const MOST_PORTS: usize = 16;

/// Runs the demo.
pub(crate) fn run(options: &DemoOptions, program: Program<'_>) -> Result<()> {
    let seed = options.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let name = format!("{}-demo", program.name);
    let group = options.group.clone().with_default_cores(2);
    let group = group.with_default_instance(|| format!("{name}-{}", std::process::id()));
    let config = group.load(program.name, &[])?;
    clear_abandoned(&config, &name);
    let (config, scenario) = match program.scenario {
        Some(scenario) => (with_memory_ports(config, scenario.ports())?, scenario),
        None => generic(config, program.layout)?,
    };
    let layout = (program.layout)(&config)?;
    let signals = Signals::catch()?;
    eprintln!(
        "{}: {} packets/s for {} s on {} cores, {} kills, seed {seed}",
        program.name,
        crate::cli::table::count(options.rate),
        options.seconds.as_secs_f64(),
        config.cores(),
        options.kills,
    );
    let parent = Parent::start(config, layout, seed, true)?;
    let report = drive::drive(parent, (scenario, program.flow_hash), options, seed, &signals)?;
    print(&report.text())?;
    if options.json {
        print(&format!("\n{}\n", report.json()))?;
    }
    Ok(report.verdict()?)
}

/// The configuration with one memory port for each name.
fn with_memory_ports(config: Config, names: Vec<String>) -> Result<Config> {
    let port = |name: String| {
        let place = Place::Option(format!("port `{name}`"));
        PortSpec::new(name, PortKind::Memory).map_err(|source| ConfigError::Port { place, source })
    };
    let ports = names.into_iter().map(port).collect::<std::result::Result<_, _>>()?;
    Ok(config.with_ports(ports)?)
}

/// A middlebox without a scenario gets the ports of the configuration; if there are none, those that its constructor asks for; if it
/// asks for none, two: it will know them by their numbers.
fn generic(config: Config, layout: &dyn Fn(&Config) -> Result<u64>) -> Result<(Config, Box<dyn Scenario>)> {
    let mut names: Vec<String> = config.ports().iter().map(|port| port.name().to_owned()).collect();
    let mut config = with_memory_ports(config, names.clone())?;
    while names.len() < MOST_PORTS {
        match layout(&config) {
            Err(Error::Construction(refusal)) => match refusal.downcast_ref::<PortError>() {
                Some(unknown) => names.push(unknown.name.clone()),
                None => return Err(Error::Construction(refusal)),
            },
            Err(error) => return Err(error),
            Ok(_) => break,
        }
        config = with_memory_ports(config, names.clone())?;
    }
    if names.is_empty() {
        names = vec!["inside".into(), "outside".into()];
        config = with_memory_ports(config, names.clone())?;
    }
    Ok((config, Box::new(Generic::new(names))))
}

/// Removes what demos that were killed themselves have left: they had no chance to.
fn clear_abandoned(config: &Config, name: &str) {
    let entries = std::fs::read_dir(config.directory()).into_iter().flatten().filter_map(|entry| entry.ok());
    for entry in entries {
        let file = entry.file_name();
        let pid = file.to_str().and_then(|file| file.strip_prefix(name)?.strip_prefix('-')?.parse::<u32>().ok());
        let dir = GroupDir::at(entry.path());
        let gone = |pid| ftmb_netio::group_record::Identity::of(pid).is_none();
        if pid.is_some_and(gone)
            && dir.alive().is_none()
            && let Err(error) = dir.remove()
        {
            tracing::warn!(%error, "an abandoned group cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::GroupOptions;

    fn config() -> Config {
        GroupOptions::default().load("nat", &[]).expect("defaults")
    }

    #[test]
    fn the_ports_of_a_middlebox_without_a_scenario_are_found_by_asking_it() {
        let layout = |config: &Config| {
            let ports = config.port_names();
            let refused = |error| Error::Construction(Box::new(error));
            ports.id("inside").map_err(refused)?;
            ports.id("outside").map_err(refused)?;
            Ok(0)
        };
        let (config, scenario) = generic(config(), &layout).expect("found");
        assert_eq!(scenario.ports(), ["inside", "outside"]);
        assert!(config.ports().iter().all(|port| matches!(port.kind(), PortKind::Memory)));
    }

    #[test]
    fn a_constructor_that_refuses_for_another_reason_is_believed() {
        let layout = |_: &Config| Err(Error::Construction("no rules".into()));
        assert!(matches!(generic(config(), &layout), Err(Error::Construction(_))));
        let (config, scenario) = generic(self::config(), &|_| Ok(0)).expect("needs no ports");
        assert_eq!((config.ports().len(), scenario.ports().len()), (2, 2), "it knows them by number");
    }
}
