//! Where packets enter and leave an `ftmb` group, and what keeps the group alive: ports, input logger, output logger,
//! supervisor, and the gateway process that hosts them.
//!
//! Invariant: nothing here knows the user's types; what it shares with master and standby are the logs and the group record.

#![warn(missing_docs)]

pub mod checkpoints;
pub mod control;
mod error;
pub mod flow;
pub mod gateway;
pub mod group_dir;
pub mod group_record;
pub mod input_logger;
pub mod journal;
pub mod offload;
pub mod output_logger;
pub mod port;
pub mod supervisor;
pub mod uring;

pub use error::Error;
