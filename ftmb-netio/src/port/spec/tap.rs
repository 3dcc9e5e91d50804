//! A port of kind `tap`: `inside=tap:tap0,persistent=yes`. Invariant: the interface's name is one that the kernel allows.

use super::SpecError;
use super::device::interface_name;

/// A tap interface of this host.
///
/// ```
/// use ftmb_netio::port::{PortKind, PortSpec, TapSpec};
///
/// let port: PortSpec = "inside=tap:tap0,persistent=yes".parse()?;
/// assert_eq!(port.kind(), &PortKind::Tap(TapSpec::new("tap0")?.with_persistence(true)));
/// # Ok::<(), ftmb_netio::port::SpecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapSpec {
    interface: String,
    persistent: bool,
    offload: bool,
}

impl TapSpec {
    /// The tap interface of this name, which is made if there is none and then goes with its port; with offload metadata.
    ///
    /// # Errors
    /// [`SpecError::Interface`] for what is no name of an interface.
    pub fn new(interface: impl Into<String>) -> Result<TapSpec, SpecError> {
        Ok(TapSpec { interface: interface_name(interface.into())?, persistent: false, offload: true })
    }

    /// Whether the interface stays when nobody is attached to it, with its addresses and routes (`persistent`). One that was made
    /// so by somebody else stays in any case.
    #[must_use]
    pub fn with_persistence(self, persistent: bool) -> TapSpec {
        TapSpec { persistent, ..self }
    }

    /// Whether frames come and leave with offload metadata (`vnet`; they do unless said otherwise). Without it, this host finishes
    /// what it sends, and what leaves to it is finished here.
    #[must_use]
    pub fn with_offload(self, offload: bool) -> TapSpec {
        TapSpec { offload, ..self }
    }

    /// The name of the interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Whether it is made to stay.
    pub fn persistent(&self) -> bool {
        self.persistent
    }

    /// Whether frames have offload metadata.
    pub fn offload(&self) -> bool {
        self.offload
    }
}
