//! `use super::*` cannot be followed: what comes by it and is not replaced does not fit.

use std::collections::HashMap;
use std::sync::RwLock;
use std::time::Instant;

#[ftmb::instrument]
mod nat {
    use super::*;

    struct Flow {
        begun: Instant,
    }

    pub struct Nat {
        flows: RwLock<HashMap<u32, Flow>>,
    }

    impl Nat {
        pub fn sweep(&self) {
            forget(&mut self.flows.write().unwrap());
        }
    }

    fn forget(flows: &mut HashMap<u32, Flow>) {
        flows.clear();
    }
}

fn main() {}
