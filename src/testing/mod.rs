//! Testing a middlebox: a whole group in one process, crashed at chosen tracked accesses and recovered.
//!
//! Invariant: everything but the processes is the real thing: input logger, determinants, release, replay, activation. A crash
//! abandons every core at its next tracked access or wait; what it had not published is lost, and of what it had published each
//! stream loses an arbitrary suffix that was not delivered yet.

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
pub use group::Group;
pub use output::{Crash, GroupError, Output};
pub use recoverable::{Input, assert_recoverable};
