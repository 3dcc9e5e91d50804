//! A sequencer: stamps every packet with one counter that all cores share.
//!
//! It is the smallest middlebox that can go wrong in every way that matters. Two cores that take numbers at the same
//! moment do so in an order that nothing in their input determines. If the program is killed and started again, each
//! packet that had left must keep its number, and each one that had not must get a number that fits; else two packets
//! have the same one, or none has it.
//!
//! ```text
//! cargo run --release --example sequencer -- demo
//! ```
//!
//! What is shared is one [`Mutex<u64>`](std::sync::Mutex). `#[ftmb::shared]` puts a tracked lock in its place, with the
//! same methods, and `#[ftmb::middlebox]` lets the code that uses it stay as it is. What is logged is one word of 64
//! bits for each packet: this core was the n-th to take the lock. The packets' contents are logged once, at the door.
//! The two [`Counter`](ftmb::prelude::Counter)s are only added to, so their order does not matter, and nothing is
//! logged for them.

mod middlebox;
mod scenario;
#[cfg(test)]
mod tests;
#[path = "../traffic/mod.rs"]
mod traffic;

use ftmb::prelude::*;
use middlebox::{Sequencer, SequencerConfig};
use scenario::SequencerScenario;

fn main() -> ftmb::Result<()> {
    App::new("sequencer", |_: SequencerConfig, ports: &Ports| Ok(Sequencer::new(ports.id("left")?, ports.id("right")?)))
        .scenario(SequencerScenario::default())
        .run()
}
