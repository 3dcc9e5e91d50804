//! Multi-core packet processing that survives the loss of its process.
//!
//! See the README for the two commands, and [`App`] for where a program starts. Code that exists is ported by one attribute on its module
//! ([`instrument`](macro@instrument)), or, in files, by its imports ([`std`](mod@std), [`parking_lot`], [`dashmap`], [`hashbrown`]) and
//! attributes; `docs/PORTING.md` shows how.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

// The macros' paths start with `::ftmb`, also when they are used in this package.
#[allow(unused_extern_crates)]
extern crate self as ftmb;

mod app;
mod bells;
mod cli;
pub mod config;
pub mod dashmap;
mod demo;
mod error;
pub mod hashbrown;
pub mod parking_lot;
mod roles;
pub mod scenario;
pub mod std;
pub mod testing;

pub use app::App;
pub use cli::CommandError;
pub use error::{Error, Result};
pub use ftmb_macros::{State, instrument, middlebox, shared, state};
pub use ftmb_runtime::state::State;
pub use ftmb_runtime::{collections, context, middlebox as middleboxes, offload, packet, rng, sync, time};

/// What a middlebox needs, in one import.
pub mod prelude {
    pub use crate::scenario::{Contradiction, Frame, Missing, Scenario};
    pub use crate::{App, State};
    pub use ftmb_runtime::collections::IndexPool;
    pub use ftmb_runtime::context::{Context, EmitError};
    pub use ftmb_runtime::middlebox::{ControlError, Metrics, Middlebox};
    pub use ftmb_runtime::packet::{Packet, PortId, Ports, Verdict};
    pub use ftmb_runtime::sync::Counter;
}

/// What the macros expand to. Not a public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::{dashmap, hashbrown, parking_lot, std};
    pub use ftmb_runtime::annotate::*;
    pub use ftmb_runtime::state::{Extent, Layout, Piece, PieceWriter, State, StateError, whole};
    pub use ftmb_runtime::sync::{Declared, PerCore, STATICS, Shared, Static, Tracked, Walker};
    pub use ftmb_runtime::{collections, rng, state, sync, time};
    pub use linkme;
    pub use serde;
}

// The README's code is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// So is that of the guides.
#[cfg(doctest)]
#[doc = include_str!("../docs/PORTING.md")]
#[doc = include_str!("../docs/TESTING.md")]
#[doc = include_str!("../docs/EXPANSION.md")]
struct Guides;
