//! A port of kind `device`: `inside=device:eth0,promiscuous=no`. Invariant: the interface's name is one that the kernel allows.

use super::SpecError;

/// An interface of this host.
///
/// ```
/// use ftmb_netio::port::{DeviceSpec, PortKind, PortSpec};
///
/// let port: PortSpec = "inside=device:eth0,promiscuous=no".parse()?;
/// assert_eq!(port.kind(), &PortKind::Device(DeviceSpec::new("eth0")?.with_promiscuous(false)));
/// # Ok::<(), ftmb_netio::port::SpecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSpec {
    interface: String,
    promiscuous: bool,
    offload: bool,
}

impl DeviceSpec {
    /// The interface of this name: promiscuous, with offload metadata.
    ///
    /// # Errors
    /// [`SpecError::Interface`] for what is no name of an interface.
    pub fn new(interface: impl Into<String>) -> Result<DeviceSpec, SpecError> {
        let interface = interface_name(interface.into())?;
        Ok(DeviceSpec { interface, promiscuous: true, offload: true })
    }

    /// Whether the interface is to take in frames for others too (`promiscuous`; it is unless said otherwise).
    #[must_use]
    pub fn with_promiscuous(self, promiscuous: bool) -> DeviceSpec {
        DeviceSpec { promiscuous, ..self }
    }

    /// Whether frames come and leave with offload metadata (`vnet`; they do unless said otherwise). Without it, a frame that comes
    /// in unfinished by its sender is dropped and counted (the sender's interface must have its offloads switched off), and what
    /// leaves is finished here.
    #[must_use]
    pub fn with_offload(self, offload: bool) -> DeviceSpec {
        DeviceSpec { offload, ..self }
    }

    /// The name of the interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Whether it takes in frames for others.
    pub fn promiscuous(&self) -> bool {
        self.promiscuous
    }

    /// Whether frames have offload metadata.
    pub fn offload(&self) -> bool {
        self.offload
    }
}

/// Checks the name of an interface. One with a `%` would be a pattern for names where interfaces are made.
pub(super) fn interface_name(name: String) -> Result<String, SpecError> {
    let odd = |byte: u8| matches!(byte, b'/' | b'%' | 0) || byte.is_ascii_whitespace();
    if name.is_empty() || name.len() > 15 || name == "." || name == ".." || name.bytes().any(odd) {
        return Err(SpecError::Interface { found: name });
    }
    Ok(name)
}
