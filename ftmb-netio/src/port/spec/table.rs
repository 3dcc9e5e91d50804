//! The table form of a port, before it is known to make sense.
//!
//! Invariant: every way to a [`PortSpec`] from text leads through the one check here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ABSENT, DeviceSpec, KINDS, Pace, PcapSpec, PortKind, PortSpec, SpecError};

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
}

impl Table {
    pub(super) fn new(name: &str, kind: &str) -> Table {
        Table { name: name.to_owned(), kind: kind.to_owned(), ..Table::default() }
    }

    pub(super) fn known_kind(&self) -> Result<&'static str, SpecError> {
        let name = || self.name.clone();
        match KINDS.iter().find(|kind| **kind == self.kind) {
            Some(kind) => Ok(kind),
            None if ABSENT.contains(&&*self.kind) => {
                Err(SpecError::NotInThisBuild { name: name(), kind: self.kind.clone() })
            }
            None => Err(SpecError::UnknownKind { name: name(), found: self.kind.clone() }),
        }
    }

    /// What follows the kind on the command line.
    pub(super) fn place(&mut self, first: Option<&str>, second: Option<&str>) {
        let [first, second] = [first, second].map(|part| part.filter(|part| !part.is_empty()));
        if self.kind == "device" {
            self.interface = first.map(str::to_owned);
        } else {
            self.input = first.map(PathBuf::from);
        }
        self.output = second.map(PathBuf::from);
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
        let repeated = match key {
            "pace" if kind != "device" => self.pace.replace(value.parse()?).is_some(),
            "promiscuous" if kind == "device" => self.promiscuous.replace(yes_or_no("promiscuous")?).is_some(),
            "vnet" if kind == "device" => self.vnet.replace(yes_or_no("vnet")?).is_some(),
            found => return Err(SpecError::UnknownOption { name: name(), kind, found: found.to_owned() }),
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
                let Some(interface) = interface else { return Err(SpecError::NoInterface { name }) };
                let device = DeviceSpec::new(interface)?;
                let device = device.with_promiscuous(promiscuous.unwrap_or(true)).with_offload(vnet.unwrap_or(true));
                PortSpec::new(name, PortKind::Device(device))
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
        }
    }
}
