//! The systems that are compared.
//!
//! Invariant: each is started in a lab of its own kind, and everything of it ends with what `start` returns or with the lab.

use crate::network::group::{self, Group};
use crate::network::kernel::{Kernel, KernelBox};
use crate::network::{Lab, Wire, lab::Steering};
use crate::unprotected;

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
    /// Whether somebody takes over when it is killed.
    fn is_protected(&self) -> bool {
        false
    }
    /// Starts it, and waits until it is ready.
    fn start(&self, lab: &Lab) -> Box<dyn Running>;
}

/// A system in the middle; dropped, it may end.
pub(crate) trait Running {
    /// What it has to say after a measurement.
    fn figures(&self, _lab: &Lab) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Kills it, and waits until somebody has taken over and could be killed as well.
    ///
    /// # Panics
    ///
    /// If it is not protected.
    fn kill(&mut self) {
        panic!("nobody would take over");
    }
}

/// All of them, in the order of their turns.
pub(crate) const ALL: &[&dyn System] =
    &[&Nat::Passive, &Nat::Image, &Nat::Unprotected, &Kernel::Router, &Kernel::Masquerade, &Kernel::Conntrackd];

/// The example `nat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nat {
    /// As a group with a standby that follows the checkpoints.
    Passive,
    /// As a group without: who takes over starts from the image.
    Image,
    /// The same middlebox in one thread that nobody protects.
    Unprotected,
}

impl System for Nat {
    fn name(&self) -> &'static str {
        match self {
            Nat::Passive => "ftmb, passive standby",
            Nat::Image => "ftmb, image only",
            Nat::Unprotected => "unprotected",
        }
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn wire(&self) -> Wire {
        Wire::Transparent
    }

    fn steering(&self) -> Steering {
        Steering::Box
    }

    fn is_protected(&self) -> bool {
        *self != Nat::Unprotected
    }

    fn start(&self, lab: &Lab) -> Box<dyn Running> {
        let group = |standby| Box::new(Group::start(lab, "nat", &group::nat(), &["--standby", standby]));
        match self {
            Nat::Passive => group("passive"),
            Nat::Image => group("none"),
            Nat::Unprotected => Box::new(unprotected::start(lab)),
        }
    }
}

impl Running for Group {
    fn figures(&self, _lab: &Lab) -> Vec<(&'static str, f64)> {
        let lost: u64 = self.losses().iter().map(|loss| loss.1).sum();
        vec![("lost by it", lost as f64)]
    }

    fn kill(&mut self) {
        self.kill_master();
        self.until_ready();
    }
}

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
