//! Testing a middlebox: a whole group in one process, crashed at chosen tracked accesses and recovered.
//!
//! Invariant: everything but the processes is the real thing: input logger, determinants, release, replay, activation. A crash
//! abandons every core at its next tracked access or wait; what it had not published is lost, and of what it had published each
//! stream loses an arbitrary suffix that was not delivered yet.
//!
//! Two lines belong into every test suite:
//!
//! ```
//! # use ftmb::prelude::*;
//! # #[ftmb::shared] struct Limiter { spent: u64 }
//! # #[ftmb::middlebox] impl Limiter { fn new() -> Self { Self { spent: 0 } } }
//! # #[ftmb::middlebox] impl Middlebox for Limiter {
//! #     fn process(&self, _: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict { self.spent += 1; Verdict::Drop }
//! # }
//! use ftmb::testing::{Input, assert_deterministic, assert_recoverable};
//!
//! let trace: Vec<Input> = (0..100).map(|i| Input::Packet(PortId(0), vec![i; 60])).collect();
//! assert_recoverable(Limiter::new, &trace, 3); // crashes at random accesses lose and contradict nothing
//! assert_deterministic(Limiter::new, &trace); // every run can be repeated; if not, this says what differs and why
//! ```
//!
//! `docs/TESTING.md` has a whole test file to start from, and a template for what must not compile; `docs/HOLES.md` lists what no test
//! and no compiler sees.

mod cast;
mod cause;
mod deterministic;
mod difference;
mod exactness;
mod group;
mod output;
mod recoverable;
mod rerun;
mod stable;

pub use deterministic::assert_deterministic;
pub use ftmb_netio::offload::OffloadError;
pub use group::Group;
pub use output::{Crash, GroupError, Output};
pub use recoverable::{Input, assert_recoverable};
