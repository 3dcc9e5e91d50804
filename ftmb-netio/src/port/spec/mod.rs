//! How a port is described: on the command line (`inside=pcap:in.pcap:out.pcap,pace=flat`, `inside=device:eth0`) or as a table
//! of the configuration file (`{ name = "inside", kind = "pcap", in = "in.pcap", out = "out.pcap", pace = "flat" }`,
//! `{ name = "inside", kind = "device", interface = "eth0" }`).
//!
//! Invariant: a [`PortSpec`] that exists describes a port that this build can open, and both forms say the same.

mod device;
mod pace;
mod table;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use device::DeviceSpec;
pub use pace::Pace;

/// The kinds of port that this build has.
pub const KINDS: &[&str] = &["memory", "pcap", "device"];

/// Kinds that have a name but are not in this build.
const ABSENT: &[&str] = &["tap", "udp"];

/// A named port and what it stands for.
///
/// ```
/// use ftmb_netio::port::{Pace, PortKind, PortSpec};
///
/// let port: PortSpec = "inside=pcap:in.pcap:out.pcap,pace=300k".parse()?;
/// assert_eq!(port.name(), "inside");
/// let PortKind::Pcap(pcap) = port.kind() else { panic!("not a pcap port") };
/// assert_eq!(pcap.pace(), "300000".parse::<Pace>()?);
///
/// let table = toml::from_str(r#"
///     name = "inside"
///     kind = "pcap"
///     in = "in.pcap"
///     out = "out.pcap"
///     pace = 300000
/// "#)?;
/// assert_eq!(port, table);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "table::Table", into = "table::Table")]
pub struct PortSpec {
    name: String,
    kind: PortKind,
}

/// What a port stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortKind {
    /// Logs shared with the parent process, which generates and receives.
    Memory,
    /// Capture files.
    Pcap(PcapSpec),
    /// An interface of this host.
    Device(DeviceSpec),
}

/// A port of kind `pcap`: a capture to read, one to write, or both.
///
/// ```
/// use ftmb_netio::port::{Pace, PcapSpec};
///
/// let pcap = PcapSpec::reading("in.pcap").with_output("out.pcap").with_pace(Pace::Flat);
/// assert_eq!(pcap.input().unwrap().to_str(), Some("in.pcap"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcapSpec {
    input: Option<PathBuf>,
    output: Option<PathBuf>,
    pace: Pace,
}

/// What is wrong with the description of a port.
///
/// ```
/// use ftmb_netio::port::{PortSpec, SpecError};
///
/// let error = "outside=device".parse::<PortSpec>().unwrap_err();
/// assert!(matches!(error, SpecError::NoInterface { .. }));
/// assert_eq!(error.to_string(), "port `outside` names no interface (expected device:INTERFACE, for example device:eth0)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// There is no `NAME=` in front.
    #[error("port `{found}` has no name (expected NAME=KIND:..., for example inside=pcap:in.pcap:out.pcap)")]
    NoName {
        /// The description.
        found: String,
    },
    /// The name has characters that names do not have.
    #[error("port name `{found}` is not made of 1 to 64 letters, digits, `-`, `_` or `.`")]
    BadName {
        /// The name.
        found: String,
    },
    /// No port is of this kind.
    #[error("port `{name}`: unknown kind `{found}` (expected one of {})", KINDS.join(", "))]
    UnknownKind {
        /// The port.
        name: String,
        /// The kind.
        found: String,
    },
    /// This kind is known, but this build does not have it.
    #[error("port `{name}`: this build has no port of kind `{kind}` yet (it has {})", KINDS.join(", "))]
    NotInThisBuild {
        /// The port.
        name: String,
        /// The kind.
        kind: String,
    },
    /// A pcap port that neither reads nor writes.
    #[error("port `{name}` names no file (expected pcap:IN, pcap:IN:OUT or pcap::OUT)")]
    NoFile {
        /// The port.
        name: String,
    },
    /// A device port without an interface.
    #[error("port `{name}` names no interface (expected device:INTERFACE, for example device:eth0)")]
    NoInterface {
        /// The port.
        name: String,
    },
    /// What no interface can be called.
    #[error("`{found}` is no name of an interface (1 to 15 bytes without `/` and white space)")]
    Interface {
        /// The name.
        found: String,
    },
    /// An option that is either on or off.
    #[error("port `{name}`: option `{option}` is `{found}` (expected yes or no)")]
    YesOrNo {
        /// The port.
        name: String,
        /// The option.
        option: &'static str,
        /// What was given.
        found: String,
    },
    /// Something follows where nothing is expected.
    #[error(
        "port `{name}`: unexpected `{found}` (a file whose name has a `:` or a `,` can be named in the configuration file)"
    )]
    Unexpected {
        /// The port.
        name: String,
        /// What follows.
        found: String,
    },
    /// An option that this kind of port does not have.
    #[error("port `{name}`: kind `{kind}` has no option `{found}`")]
    UnknownOption {
        /// The port.
        name: String,
        /// The kind.
        kind: &'static str,
        /// The option.
        found: String,
    },
    /// An option given twice.
    #[error("port `{name}`: option `{found}` is given twice")]
    Repeated {
        /// The port.
        name: String,
        /// The option.
        found: String,
    },
    /// A pace that is neither `timestamps` nor `flat` nor a rate.
    #[error("unknown pace `{found}` (expected timestamps, flat, or packets per second such as 50000, 300k or 2M)")]
    Pace {
        /// The pace.
        found: String,
    },
    /// A pace for a port that reads no file.
    #[error("port `{name}`: a pace, but no capture to read")]
    PaceWithoutInput {
        /// The port.
        name: String,
    },
}

impl PortSpec {
    /// A port of this name.
    ///
    /// # Errors
    /// [`SpecError::BadName`].
    pub fn new(name: impl Into<String>, kind: PortKind) -> Result<PortSpec, SpecError> {
        let name = name.into();
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(letter) {
            return Err(SpecError::BadName { found: name });
        }
        Ok(PortSpec { name, kind })
    }

    /// The name by which the middlebox knows the port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it stands for.
    pub fn kind(&self) -> &PortKind {
        &self.kind
    }
}

impl PcapSpec {
    /// Reads the capture `input`, at the pace of its timestamps; what is sent is discarded.
    pub fn reading(input: impl Into<PathBuf>) -> PcapSpec {
        PcapSpec { input: Some(input.into()), output: None, pace: Pace::default() }
    }

    /// Writes the capture `output`; nothing comes in.
    pub fn writing(output: impl Into<PathBuf>) -> PcapSpec {
        PcapSpec { input: None, output: Some(output.into()), pace: Pace::default() }
    }

    /// Also writes the capture `output`.
    #[must_use]
    pub fn with_output(self, output: impl Into<PathBuf>) -> PcapSpec {
        PcapSpec { output: Some(output.into()), ..self }
    }

    /// Hands in frames at this pace.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> PcapSpec {
        PcapSpec { pace, ..self }
    }

    /// The capture to read.
    pub fn input(&self) -> Option<&std::path::Path> {
        self.input.as_deref()
    }

    /// The capture to write.
    pub fn output(&self) -> Option<&std::path::Path> {
        self.output.as_deref()
    }

    /// The pace at which frames are handed in.
    pub fn pace(&self) -> Pace {
        self.pace
    }
}

impl FromStr for PortSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<PortSpec, SpecError> {
        let (name, rest) = text.split_once('=').ok_or_else(|| SpecError::NoName { found: text.to_owned() })?;
        // An option's `=` is not a name's.
        if name.contains([':', ',']) {
            return Err(SpecError::NoName { found: text.to_owned() });
        }
        let mut options = rest.split(',');
        let mut parts = options.next().unwrap_or_default().split(':');
        let mut table = table::Table::new(name, parts.next().unwrap_or_default());
        table.place(parts.next(), parts.next());
        if let Some(found) = parts.next() {
            table.known_kind()?;
            return Err(SpecError::Unexpected { name: name.to_owned(), found: format!(":{found}") });
        }
        for option in options {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            table.set(key, value)?;
        }
        PortSpec::try_from(table)
    }
}

/// The form of the command line. A file or an interface whose name has a `:` or a `,` can not be said that way.
impl fmt::Display for PortSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            PortKind::Memory => write!(f, "{}=memory", self.name),
            PortKind::Pcap(pcap) => {
                write!(f, "{}=pcap:", self.name)?;
                pcap.input().map_or(Ok(()), |input| write!(f, "{}", input.display()))?;
                pcap.output().map_or(Ok(()), |output| write!(f, ":{}", output.display()))?;
                if pcap.pace != Pace::default() { write!(f, ",pace={}", pcap.pace) } else { Ok(()) }
            }
            PortKind::Device(device) => {
                write!(f, "{}=device:{}", self.name, device.interface())?;
                f.write_str(if device.promiscuous() { "" } else { ",promiscuous=no" })?;
                f.write_str(if device.offload() { "" } else { ",vnet=no" })
            }
        }
    }
}

#[cfg(test)]
mod tests;
