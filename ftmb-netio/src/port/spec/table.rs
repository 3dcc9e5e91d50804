//! The table form of a port, before it is known to make sense.
//!
//! Invariant: every way to a [`PortSpec`] from text leads through the one check here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ABSENT, Pace, PcapSpec, PortKind, PortSpec, SpecError};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    name: String,
    kind: String,
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<PathBuf>,
    #[serde(rename = "out", default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pace: Option<Pace>,
}

impl Table {
    pub(super) fn new(name: &str, kind: &str) -> Table {
        Table { name: name.to_owned(), kind: kind.to_owned(), input: None, output: None, pace: None }
    }

    pub(super) fn known_kind(&self) -> Result<&'static str, SpecError> {
        let name = || self.name.clone();
        match self.kind.as_str() {
            "memory" => Ok("memory"),
            "pcap" => Ok("pcap"),
            kind if ABSENT.contains(&kind) => Err(SpecError::NotInThisBuild { name: name(), kind: kind.to_owned() }),
            found => Err(SpecError::UnknownKind { name: name(), found: found.to_owned() }),
        }
    }
}

impl TryFrom<Table> for PortSpec {
    type Error = SpecError;

    fn try_from(table: Table) -> Result<PortSpec, SpecError> {
        let kind = table.known_kind()?;
        let Table { name, input, output, pace, .. } = table;
        if kind == "memory" {
            if let Some(file) = input.or(output) {
                return Err(SpecError::Unexpected { name, found: file.display().to_string() });
            }
            if pace.is_some() {
                return Err(SpecError::UnknownOption { name, kind, found: "pace".to_owned() });
            }
            return PortSpec::new(name, PortKind::Memory);
        }
        match (&input, &output, pace) {
            (None, None, _) => return Err(SpecError::NoFile { name }),
            (None, Some(_), Some(_)) => return Err(SpecError::PaceWithoutInput { name }),
            _ => {}
        }
        PortSpec::new(name, PortKind::Pcap(PcapSpec { input, output, pace: pace.unwrap_or_default() }))
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
        }
    }
}
