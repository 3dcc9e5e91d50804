//! What the gateway process is made of: ports and settings by the stored configuration, members by re-execution.
//!
//! Invariant: the first gateway of a group and its successors build the same from the same bytes; only what a first one replaces
//! (captures that are written) a successor continues.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use ftmb_netio::flow::OwnHash;
use ftmb_netio::gateway::{Gateway, GatewayConfig, PortSet};
use ftmb_netio::group_dir::GroupDir;
use ftmb_netio::group_record::{GroupRecord, Role};
use ftmb_netio::port::device::DevicePort;
use ftmb_netio::port::memory::MemoryPort;
use ftmb_netio::port::pcap::{OutputMode, PcapOptions, PcapPort};
use ftmb_netio::port::tap::TapPort;
use ftmb_netio::port::udp::UdpPort;
use ftmb_netio::port::{PortKind, PortSpec};
use ftmb_netio::supervisor::{Factory, Launch};
use ftmb_netio::uring::EngineChoice;
use ftmb_runtime::packet::PortId;

use super::{logging, systemd};
use crate::Result;
use crate::config::Config;
use crate::roles;

/// Runs the gateway of a group until the group ends or this process cannot go on.
pub(crate) fn run(dir: &GroupDir, flow_hash: OwnHash) -> Result<()> {
    let config = Config::stored(dir)?;
    let record = GroupRecord::open_any(&dir.record_path())?;
    let ports = ports(dir, &record, &config)?;
    let settings = GatewayConfig {
        tick: config.tick(),
        checkpoint_interval: config.checkpoint_interval(),
        standby: config.standby(),
        polling: config.polling(),
        state_dir: config.state_dir().map(Path::to_owned),
        end_with_parent: true,
        end_when_exhausted: config.ports().iter().any(has_end),
        journal: config.journal().cloned(),
    };
    Ok(Gateway::attach(dir, record.fingerprint(), settings, ports, Some(flow_hash), factory(dir))?.run()?)
}

/// Whether the group may end by itself: a capture to read has an end.
fn has_end(port: &PortSpec) -> bool {
    matches!(port.kind(), PortKind::Pcap(pcap) if pcap.input().is_some())
}

fn ports(dir: &GroupDir, record: &GroupRecord, config: &Config) -> Result<PortSet> {
    let mut ports = PortSet::new(record.clone());
    let mut in_memory = Vec::new();
    // A group that was made again from its journal has had a gateway in an earlier life.
    let first = record.gateway().is_none() && record.epoch() == 0;
    let options = PcapOptions {
        output: if first { OutputMode::Replace } else { OutputMode::Continue },
        created: record.birth().wall as u64,
        ..PcapOptions::default()
    };
    for (at, port) in config.ports().iter().enumerate() {
        let id = PortId(at as u16);
        match port.kind() {
            PortKind::Pcap(pcap) => {
                let port = PcapPort::open(id, pcap, &options).map_err(ftmb_netio::Error::from)?;
                ports.add(vec![id], Box::new(port))?;
            }
            PortKind::Device(device) => {
                let port = DevicePort::open(id, device, EngineChoice::Auto).map_err(ftmb_netio::Error::from)?;
                ports.add(vec![id], Box::new(port))?;
            }
            PortKind::Tap(tap) => {
                let port = TapPort::open(id, tap, EngineChoice::Auto).map_err(ftmb_netio::Error::from)?;
                ports.add(vec![id], Box::new(port))?;
            }
            PortKind::Udp(udp) => {
                let port = UdpPort::open(id, udp, EngineChoice::Auto).map_err(ftmb_netio::Error::from)?;
                ports.add(vec![id], Box::new(port))?;
            }
            _ => in_memory.push(id),
        }
    }
    if !in_memory.is_empty() {
        let logs = dir.open_logs(record.cores(), record.fingerprint())?;
        if let Some([incoming, outgoing]) = &logs.ports {
            let port = MemoryPort::attach(record.clone(), incoming, outgoing).map_err(ftmb_netio::Error::from)?;
            ports.add(in_memory, Box::new(port))?;
        }
    }
    Ok(ports)
}

/// The command that runs a role of a group in a process of its own.
pub(crate) fn command(dir: &GroupDir, role: roles::Role) -> Command {
    // The file that this process was started from, also when another has taken its place.
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command.arg(roles::MARK).arg(role.name()).arg(dir.path()).stdin(Stdio::null());
    logging::pass_on(&mut command);
    systemd::keep_from(&mut command);
    command
}

fn factory(dir: &GroupDir) -> Factory {
    let dir = dir.clone();
    Box::new(move |launch: &Launch| {
        let role = match launch.role {
            Role::Standby => roles::Role::Member,
            Role::Keeper => roles::Role::Keeper,
        };
        let mut command = command(&dir, role);
        command.arg(launch.slot.to_string()).arg(launch.token.to_string());
        command
    })
}
