//! The core of `ftmb`: what is logged, when an output may leave, how a crashed middlebox is rebuilt.

#![warn(missing_docs)]

pub mod frame;
pub mod log;
