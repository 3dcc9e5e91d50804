//! stub
mod middlebox;
mod scenario;
#[path = "../traffic/mod.rs"]
mod traffic;
#[cfg(test)]
mod tests;
use ftmb::prelude::*;
use middlebox::{Nat, NatConfig};
use scenario::NatScenario;

fn main() -> ftmb::Result<()> {
    App::new("nat", |config: NatConfig, ports: &Ports| {
        Ok(Nat::new(config, ports.id("inside")?, ports.id("outside")?))
    })
    .scenario(NatScenario::default())
    .run()
}
