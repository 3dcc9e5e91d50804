//! The systems that are compared.
//!
//! Invariant: each is started in a lab of its own kind, and everything of it ends with what `start` returns or with the lab.

use crate::network::kernel::{Kernel, KernelBox};
use crate::network::{Lab, Wire, lab::Steering};

/// Something that may stand in the middle.
pub(crate) trait System: Sync {
    /// In tables.
    fn name(&self) -> &'static str;
    /// Programs that must be there.
    fn needs(&self) -> &'static [&'static str];
    /// What it is to its neighbours.
    fn wire(&self) -> Wire;
    /// Which steering of frames is best for it.
    fn steering(&self) -> Steering;
    /// Starts it, and waits until it is ready.
    fn start(&self, lab: &Lab) -> Box<dyn Running>;
}

/// A system in the middle; dropped, it may end.
pub(crate) trait Running {
    /// What it has to say after a measurement.
    fn figures(&self, _lab: &Lab) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// All of them, in the order of their turns.
pub(crate) const ALL: &[&dyn System] = &[&Kernel::Router, &Kernel::Masquerade, &Kernel::Conntrackd];

impl System for Kernel {
    fn name(&self) -> &'static str {
        match self {
            Kernel::Router => "kernel router",
            Kernel::Masquerade => "kernel masquerade",
            Kernel::Conntrackd => "kernel + conntrackd",
        }
    }

    fn needs(&self) -> &'static [&'static str] {
        Kernel::needs(*self)
    }

    fn wire(&self) -> Wire {
        Wire::Routed
    }

    fn steering(&self) -> Steering {
        // The CPU that sends takes the frame all the way: fewer hops. It costs some frames their order.
        Steering::Nobody
    }

    fn start(&self, lab: &Lab) -> Box<dyn Running> {
        Box::new(Kernel::start(*self, lab))
    }
}

impl Running for KernelBox {
    fn figures(&self, lab: &Lab) -> Vec<(&'static str, f64)> {
        self.copied(lab).map(|entries| ("entries copied", entries as f64)).into_iter().collect()
    }
}
