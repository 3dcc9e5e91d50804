//! The table form of a port, before it is known to make sense.
//!
//! Invariant: every way to a [`PortSpec`] from text leads through the one check here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{DeviceSpec, KINDS, Pace, PcapSpec, PortKind, PortSpec, SpecError, TapSpec, udp};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    name: String,
    kind: String,
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    input: Option<PathBuf>,
    #[serde(rename = "out", default, skip_serializing_if = "Option::is_none")]
    output: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pace: Option<Pace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    promiscuous: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vnet: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    persistent: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vni: Option<u32>,
}

impl Table {
    pub(super) fn new(name: &str, kind: &str) -> Table {
        Table { name: name.to_owned(), kind: kind.to_owned(), ..Table::default() }
    }

    pub(super) fn known_kind(&self) -> Result<&'static str, SpecError> {
        let found = KINDS.iter().find(|kind| **kind == self.kind).copied();
        found.ok_or_else(|| SpecError::UnknownKind { name: self.name.clone(), found: self.kind.clone() })
    }

    /// What follows the kind on the command line.
    pub(super) fn place(&mut self, place: &str) -> Result<(), SpecError> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (first, second) = place.split_once(':').unwrap_or((place, ""));
        let (one, rest) = match self.known_kind()? {
            "udp" => {
                self.local = given(place);
                return Ok(());
            }
            "device" | "tap" => {
                self.interface = given(first);
                (true, second)
            }
            "memory" => (false, place),
            _ => {
                let (output, rest) = second.split_once(':').unwrap_or((second, ""));
                (self.input, self.output) = (given(first).map(PathBuf::from), given(output).map(PathBuf::from));
                (true, rest)
            }
        };
        if rest.is_empty() {
            return Ok(());
        }
        let found = if one { format!(":{rest}") } else { rest.to_owned() };
        Err(SpecError::Unexpected { name: self.name.clone(), found })
    }

    /// An option of the command line.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), SpecError> {
        let kind = self.known_kind()?;
        let name = || self.name.clone();
        let yes_or_no = |option| match value {
            "yes" => Ok(true),
            "no" => Ok(false),
            found => Err(SpecError::YesOrNo { name: name(), option, found: found.to_owned() }),
        };
        let repeated = match (kind, key) {
            ("pcap", "pace") => self.pace.replace(value.parse()?).is_some(),
            ("device", "promiscuous") => self.promiscuous.replace(yes_or_no("promiscuous")?).is_some(),
            ("device" | "tap", "vnet") => self.vnet.replace(yes_or_no("vnet")?).is_some(),
            ("tap", "persistent") => self.persistent.replace(yes_or_no("persistent")?).is_some(),
            ("udp", "remote") => self.remote.replace(value.to_owned()).is_some(),
            ("udp", "vni") => {
                let vni = value.parse().map_err(|_| SpecError::Vni { name: name(), found: value.to_owned() })?;
                self.vni.replace(vni).is_some()
            }
            (_, found) => return Err(SpecError::UnknownOption { name: name(), kind, found: found.to_owned() }),
        };
        if repeated { Err(SpecError::Repeated { name: name(), found: key.to_owned() }) } else { Ok(()) }
    }

    /// Refuses what belongs to other kinds.
    fn only(&self, kind: &'static str, fields: &[&str]) -> Result<(), SpecError> {
        let name = || self.name.clone();
        for (field, file) in [("in", &self.input), ("out", &self.output)] {
            if let Some(file) = file.as_ref().filter(|_| !fields.contains(&field)) {
                return Err(SpecError::Unexpected { name: name(), found: file.display().to_string() });
            }
        }
        let given = [
            ("pace", self.pace.is_some()),
            ("interface", self.interface.is_some()),
            ("promiscuous", self.promiscuous.is_some()),
            ("vnet", self.vnet.is_some()),
            ("persistent", self.persistent.is_some()),
            ("local", self.local.is_some()),
            ("remote", self.remote.is_some()),
            ("vni", self.vni.is_some()),
        ];
        match given.into_iter().find(|(field, given)| *given && !fields.contains(field)) {
            Some((found, _)) => Err(SpecError::UnknownOption { name: name(), kind, found: found.to_owned() }),
            None => Ok(()),
        }
    }
}

impl TryFrom<Table> for PortSpec {
    type Error = SpecError;

    fn try_from(table: Table) -> Result<PortSpec, SpecError> {
        match table.known_kind()? {
            "device" => {
                table.only("device", &["interface", "promiscuous", "vnet"])?;
                let Table { name, interface, promiscuous, vnet, .. } = table;
                let Some(interface) = interface else { return Err(SpecError::NoInterface { name, kind: "device" }) };
                let device = DeviceSpec::new(interface)?;
                let device = device.with_promiscuous(promiscuous.unwrap_or(true)).with_offload(vnet.unwrap_or(true));
                PortSpec::new(name, PortKind::Device(device))
            }
            "tap" => {
                table.only("tap", &["interface", "persistent", "vnet"])?;
                let Table { name, interface, persistent, vnet, .. } = table;
                let Some(interface) = interface else { return Err(SpecError::NoInterface { name, kind: "tap" }) };
                let tap = TapSpec::new(interface)?.with_persistence(persistent.unwrap_or(false));
                PortSpec::new(name, PortKind::Tap(tap.with_offload(vnet.unwrap_or(true))))
            }
            "udp" => {
                table.only("udp", &["local", "remote", "vni"])?;
                let Table { name, local, remote, vni, .. } = table;
                let udp = udp::read(&name, local.as_deref(), remote.as_deref(), vni)?;
                PortSpec::new(name, PortKind::Udp(udp))
            }
            "pcap" => {
                table.only("pcap", &["in", "out", "pace"])?;
                let Table { name, input, output, pace, .. } = table;
                match (&input, &output, pace) {
                    (None, None, _) => return Err(SpecError::NoFile { name }),
                    (None, Some(_), Some(_)) => return Err(SpecError::PaceWithoutInput { name }),
                    _ => {}
                }
                PortSpec::new(name, PortKind::Pcap(PcapSpec { input, output, pace: pace.unwrap_or_default() }))
            }
            _ => {
                table.only("memory", &[])?;
                PortSpec::new(table.name, PortKind::Memory)
            }
        }
    }
}

impl From<PortSpec> for Table {
    fn from(port: PortSpec) -> Table {
        match port.kind {
            PortKind::Memory => Table::new(&port.name, "memory"),
            PortKind::Pcap(PcapSpec { input, output, pace }) => {
                let pace = (pace != Pace::default()).then_some(pace);
                Table { input, output, pace, ..Table::new(&port.name, "pcap") }
            }
            PortKind::Device(device) => Table {
                interface: Some(device.interface().to_owned()),
                promiscuous: (!device.promiscuous()).then_some(false),
                vnet: (!device.offload()).then_some(false),
                ..Table::new(&port.name, "device")
            },
            PortKind::Tap(tap) => Table {
                interface: Some(tap.interface().to_owned()),
                persistent: tap.persistent().then_some(true),
                vnet: (!tap.offload()).then_some(false),
                ..Table::new(&port.name, "tap")
            },
            PortKind::Udp(udp) => Table {
                local: Some(udp.local().to_string()),
                remote: Some(udp.remote().to_string()),
                vni: (udp.vni() != 0).then_some(udp.vni()),
                ..Table::new(&port.name, "udp")
            },
        }
    }
}
