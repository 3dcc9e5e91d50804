//! The attributes of `ftmb`: `#[shared]`, `#[middlebox]`, `#[state]` and `#[derive(State)]`.
//!
//! Use them through the facade, as `#[ftmb::shared]` and so on; the facade's documentation has examples that run.
//!
//! Invariant: an access to shared state that these macros did not see does not compile. What they cannot know from the
//! tokens (whether a type is a lock, whether it is `Copy`) they leave to the compiler, through the traits of
//! `ftmb_runtime::annotate`.
//!
//! ```text
//! #[ftmb::state]                            // data: derives serde's traits and State
//! #[derive(Clone, Copy)]
//! struct Flow { port: u16, packets: u64 }
//!
//! #[ftmb::shared]                           // what all cores share
//! struct Nat {
//!     #[ftmb(config)]
//!     outside: PortId,                      // keeps its type, never changes
//!     flows: RwLock<HashMap<Key, Flow>>,    // std's lock becomes a tracked one, the map gets change tracking
//!     shards: Vec<Mutex<Shard>>,            // one variable each: shards[0], shards[1], ...
//!     #[ftmb(per_core)]
//!     cache: Cache,                         // PerCore<Cache>
//!     generation: u64,                      // a plain field becomes a tracked cell
//! }
//!
//! #[ftmb::middlebox]                        // and the code that uses it
//! impl Middlebox for Nat {
//!     fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
//!         self.generation += 1;             // a tracked write
//!         let now = std::time::Instant::now();   // the packet's arrival
//!         Verdict::Forward(self.outside)
//!     }
//! }
//! ```
//!
//! What `#[middlebox]` makes of an expression:
//!
//! ```text
//! Self { generation: 0, .. }     Self { generation: Self::__ftmb_init_generation(0), .. }
//! self.generation                *Probe::new(&self.generation).__ftmb_access()       a copy, or the field itself
//! self.names.len()               { let cell = Probe::new(&self.names).__ftmb_access(); (*cell).len() }
//! self.names.push(self.next())   match (self.next(),) { (arg,) => { let cell = ..; (*cell).push(arg) } }
//! self.flows.read().unwrap()     (*Probe::new(&self.flows).__ftmb_access()).read().unwrap()      lifetimes intact
//! self.generation += 1           *Probe::new(&self.generation).__ftmb_update() += 1
//! ```

#![forbid(unsafe_code)]

mod drop_in;
mod errors;
#[cfg(test)]
mod expansion_tests;
mod field_type;
mod middlebox;
mod options;
mod shared;
mod state;

use proc_macro::TokenStream;

/// Makes a struct the shared state of a middlebox: every field becomes a tracked variable.
///
/// Field types are mapped where they are compiled, not where they are read, so imports and aliases do not matter:
///
/// ```text
/// std::sync::{Mutex, RwLock}, std::sync::atomic::*       the tracked type of the same shape
/// Vec, arrays, Box, Arc, Option of them                  the same container of tracked types
/// ftmb's own Counter, Mutex, ...                         themselves
/// another struct with #[ftmb::shared]                    itself, its variables named `field.inner`; its plain fields
///                                                        are reached by methods of its own
/// anything that is State                                 a tracked cell, read and assigned as before
/// std::collections::HashMap, inside a lock or bare       ftmb's HashMap, which tracks changed entries
/// #[ftmb(per_core)]                                      PerCore: one clone a core
/// #[ftmb(config)]                                        as written; never changes after construction
/// ```
///
/// Types of other crates cannot be told by the compiler without being linked, so they are told by their names:
///
/// ```text
/// parking_lot::Mutex, parking_lot::RwLock                the tracked lock with parking_lot's API
/// dashmap::DashMap, DashMap                              ftmb's concurrent map with dashmap's API
/// hashbrown::HashMap, hashbrown::HashSet                 ftmb's map and set
/// Mutex, RwLock with `locks = "parking_lot"`             parking_lot's; std's are written `std::sync::Mutex` then
/// ```
///
/// Type parameters that a shared field uses are required to be `State`. Options: `crate = path`, where `path` leads to
/// the facade if it is not called `ftmb`; `locks = "parking_lot"`.
#[proc_macro_attribute]
pub fn shared(arguments: TokenStream, item: TokenStream) -> TokenStream {
    shared::shared(arguments.into(), item.into()).into()
}

/// Rewrites the methods in an `impl` block of a shared struct, so that plain fields are read and assigned as before.
///
/// Put it on every `impl` block, of a trait or not, that touches the fields of a `#[ftmb::shared]` struct or constructs
/// one. Besides field accesses it replaces the clocks of `std::time` by the packet's arrival and `rand`'s generators by
/// the core's, and it refuses what cannot be replayed: `async`, `unsafe`, threads, sleeping, `&mut self`.
///
/// A plain field of a type that is not `Copy` is reached through a guard that lives as long as the chain of calls
/// (`self.names.iter().count()`), never longer: a reference into it cannot leave the chain. Clone what has to stay.
///
/// Names of `parking_lot`, `dashmap` and `hashbrown` are replaced as in [`macro@shared`], in signatures, bodies and their
/// imports; the options are the same.
///
/// In `fn report` of a trait the fields are looked at without counting.
#[proc_macro_attribute]
pub fn middlebox(arguments: TokenStream, item: TokenStream) -> TokenStream {
    middlebox::middlebox(arguments.into(), item.into()).into()
}

/// Makes a struct or enum data that may live inside a tracked variable.
///
/// Derives `State` and, through the facade, serde's `Serialize` and `Deserialize`. Every field has to be `State` itself,
/// or marked `#[ftmb(opaque)]`: then its serde implementation is trusted to lose nothing.
#[proc_macro_attribute]
pub fn state(arguments: TokenStream, item: TokenStream) -> TokenStream {
    state::state(arguments.into(), item.into()).into()
}

/// Derives `State` for a struct or enum whose serde traits are derived or written by the user.
///
/// Attributes of serde that lose or hide data (`skip`, `default`, `flatten`, `untagged`, `with`, ...) are refused unless
/// the field is `#[ftmb(opaque)]`.
#[proc_macro_derive(State, attributes(ftmb))]
pub fn derive_state(item: TokenStream) -> TokenStream {
    state::derive_state(item.into()).into()
}
