//! How a port is described: on the command line (`inside=pcap:in.pcap:out.pcap,pace=flat`, `inside=device:eth0`) or as a table
//! of the configuration file (`{ name = "inside", kind = "pcap", in = "in.pcap", out = "out.pcap", pace = "flat" }`,
//! `{ name = "inside", kind = "device", interface = "eth0" }`); `tap` and `udp` alike.
//!
//! Invariant: a [`PortSpec`] that exists describes a port that this build can open, and both forms say the same.

mod device;
mod error;
mod pace;
mod pcap;
mod table;
mod tap;
mod udp;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use device::DeviceSpec;
pub use error::SpecError;
pub use pace::Pace;
pub use pcap::PcapSpec;
pub use tap::TapSpec;
pub use udp::UdpSpec;

/// The kinds of port that this build has.
pub const KINDS: &[&str] = &["memory", "pcap", "device", "tap", "udp"];

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
    /// A tap interface of this host.
    Tap(TapSpec),
    /// An overlay network: frames in datagrams.
    Udp(UdpSpec),
}

impl PortKind {
    /// What two ports of one group cannot both have, if these would: an interface, an address, a file to write.
    ///
    /// ```
    /// use ftmb_netio::port::PortSpec;
    ///
    /// let port = |text: &str| text.parse::<PortSpec>();
    /// let shared = port("inside=device:eth0")?.kind().shared(port("outside=device:eth0,vnet=no")?.kind());
    /// assert_eq!(shared.as_deref(), Some("interface eth0"));
    /// assert_eq!(port("inside=device:eth0")?.kind().shared(port("outside=device:eth1")?.kind()), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shared(&self, other: &PortKind) -> Option<String> {
        fn interface(kind: &PortKind) -> Option<&str> {
            match kind {
                PortKind::Device(device) => Some(device.interface()),
                PortKind::Tap(tap) => Some(tap.interface()),
                _ => None,
            }
        }
        match (self, other) {
            (PortKind::Udp(one), PortKind::Udp(two)) => {
                (one.local() == two.local()).then(|| format!("UDP address {}", one.local()))
            }
            (PortKind::Pcap(one), PortKind::Pcap(two)) => {
                // A device such as /dev/null takes from several.
                let file = one.output().filter(|file| two.output() == Some(file) && !file.starts_with("/dev"));
                file.map(|file| format!("output file {}", file.display()))
            }
            _ => interface(self).filter(|name| interface(other) == Some(name)).map(|name| format!("interface {name}")),
        }
    }
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

impl FromStr for PortSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<PortSpec, SpecError> {
        let (name, rest) = text.split_once('=').ok_or_else(|| SpecError::NoName { found: text.to_owned() })?;
        // An option's `=` is not a name's.
        if name.contains([':', ',']) {
            return Err(SpecError::NoName { found: text.to_owned() });
        }
        let mut options = rest.split(',');
        let head = options.next().unwrap_or_default();
        let (kind, place) = head.split_once(':').unwrap_or((head, ""));
        let mut table = table::Table::new(name, kind);
        table.place(place)?;
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
            PortKind::Tap(tap) => {
                write!(f, "{}=tap:{}", self.name, tap.interface())?;
                f.write_str(if tap.persistent() { ",persistent=yes" } else { "" })?;
                f.write_str(if tap.offload() { "" } else { ",vnet=no" })
            }
            PortKind::Udp(udp) => {
                write!(f, "{}=udp:{},remote={}", self.name, udp.local(), udp.remote())?;
                if udp.vni() != 0 { write!(f, ",vni={}", udp.vni()) } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
