//! A port of kind `udp`: `inside=udp:0.0.0.0:4789,remote=192.0.2.1,vni=7`. Invariant: both addresses are of one family, frames have
//! somewhere to go, and the network's number has 24 bits.

use std::net::{IpAddr, SocketAddr};

use super::SpecError;

/// The port that RFC 7348 assigns.
const VXLAN: u16 = 4789;
/// The highest number of a network.
const VNI_MAX: u32 = 0xff_ffff;

/// One end of a tunnel that carries Ethernet frames in datagrams.
///
/// ```
/// use ftmb_netio::port::{PortKind, PortSpec, UdpSpec};
///
/// let port: PortSpec = "inside=udp:[::]:4789,remote=2001:db8::1,vni=7".parse()?;
/// let PortKind::Udp(udp) = port.kind() else { panic!("not a udp port") };
/// assert_eq!((udp.remote(), udp.vni()), ("[2001:db8::1]:4789".parse()?, 7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpSpec {
    local: SocketAddr,
    remote: SocketAddr,
    vni: u32,
}

impl UdpSpec {
    /// The tunnel between `local`, an address of this host or the unspecified one, and `remote`, in network 0.
    ///
    /// # Errors
    /// [`SpecError::Address`] if `remote` is no address to send to, [`SpecError::Families`]; both with an empty name.
    pub fn new(local: SocketAddr, remote: SocketAddr) -> Result<UdpSpec, SpecError> {
        let name = String::new;
        if remote.ip().is_unspecified() || remote.ip().is_multicast() || remote.port() == 0 {
            return Err(SpecError::Address { name: name(), option: "remote", found: remote.to_string() });
        }
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(SpecError::Families { name: name(), local, remote });
        }
        Ok(UdpSpec { local, remote, vni: 0 })
    }

    /// The number of the network whose frames it carries, 0 to 16777215 (`vni`).
    ///
    /// # Errors
    /// [`SpecError::Vni`] with an empty name.
    pub fn with_vni(self, vni: u32) -> Result<UdpSpec, SpecError> {
        if vni > VNI_MAX {
            return Err(SpecError::Vni { name: String::new(), found: vni.to_string() });
        }
        Ok(UdpSpec { vni, ..self })
    }

    /// Where datagrams come in.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Where datagrams go, and the only host that they are taken from.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The number of the network.
    pub fn vni(&self) -> u32 {
        self.vni
    }
}

/// The three settings as text and number, of the port `name`.
pub(super) fn read(
    name: &str,
    local: Option<&str>,
    remote: Option<&str>,
    vni: Option<u32>,
) -> Result<UdpSpec, SpecError> {
    let name = || name.to_owned();
    let address = |option, text: Option<&str>| {
        let text = text.ok_or_else(|| SpecError::NoAddress { name: name(), option })?;
        read_address(text).ok_or_else(|| SpecError::Address { name: name(), option, found: text.to_owned() })
    };
    let spec = UdpSpec::new(address("local", local)?, address("remote", remote)?);
    spec.and_then(|spec| spec.with_vni(vni.unwrap_or(0))).map_err(|error| match error {
        SpecError::Address { option, found, .. } => SpecError::Address { name: name(), option, found },
        SpecError::Families { local, remote, .. } => SpecError::Families { name: name(), local, remote },
        SpecError::Vni { found, .. } => SpecError::Vni { name: name(), found },
        error => error,
    })
}

fn read_address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    Some(SocketAddr::new(bare.parse::<IpAddr>().ok()?, VXLAN))
}
