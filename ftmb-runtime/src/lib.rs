//! The core of `ftmb`: what is logged, when an output may leave, how a crashed middlebox is rebuilt.
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`log`], [`frame`] | memory-mapped logs and what their frames hold |
//! | [`determinant`], [`recorder`], [`replayer`], [`crew`] | one core's half of the protocol, recording and replaying |
//! | [`sync`] | tracked locks, atomics, cells and counters |
//! | [`release`], [`chain`] | which outputs may leave, and the check that replay regenerates them |
//! | [`state`], [`collections`] | what tracked variables may hold, saved piece by piece |
//! | [`checkpoint`], [`flip`] | deltas, staging, the image; how the cores stop for one |
//! | [`instance`], [`worker`] | a middlebox, and the loop of its cores |
//! | [`middlebox`], [`packet`], [`context`], [`time`], [`rng`] | what user code sees |
//! | [`annotate`] | what the attributes expand to |

#![warn(missing_docs)]

pub mod annotate;
pub mod chain;
pub mod checkpoint;
pub mod collections;
pub mod context;
pub mod crew;
pub mod determinant;
pub mod flip;
pub mod frame;
pub mod instance;
mod lane;
pub mod log;
pub mod middlebox;
pub mod offload;
pub mod packet;
pub mod recorder;
pub mod release;
pub mod replayer;
pub mod rng;
pub mod state;
pub mod sync;
pub mod time;
pub mod worker;
