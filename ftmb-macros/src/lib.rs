//! The attributes of `ftmb`: `#[shared]`, `#[middlebox]`, `#[instrument]`, `#[state]` and `#[derive(State)]`.
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
mod instrument;
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
/// #[ftmb(shared)]                                        as written: a type parameter or trait object that is shared state,
///                                                        such as `P` or `Box<dyn Policy>` with `trait Policy: ftmb::sync::Shared`
/// ```
///
/// Types of other crates cannot be told by the compiler without being linked, so they are told by their names:
///
/// ```text
/// parking_lot::Mutex, parking_lot::RwLock                the tracked lock with parking_lot's API
/// dashmap::{DashMap, DashSet}, DashMap, DashSet          ftmb's concurrent map and set with dashmap's API
/// hashbrown::HashMap, hashbrown::HashSet                 ftmb's map and set
/// Mutex, RwLock with `locks = "parking_lot"`             parking_lot's; std's are written `std::sync::Mutex` then
/// ```
///
/// The struct may have named fields, numbered ones or none, and may be a field of another shared struct. Type parameters
/// that a shared field uses are required to be `State`, unless the field is marked `#[ftmb(shared)]`.
///
/// On a `static` whose type is one of the first three lines, or a shared struct, it makes each *instance* of a middlebox have
/// a copy of its own, registered and saved like fields:
///
/// ```text
/// #[ftmb::shared]
/// static SESSIONS: LazyLock<Mutex<HashMap<Key, u32>>> = LazyLock::new(|| Mutex::new(HashMap::new()));
///
/// SESSIONS.lock().unwrap()               the copy of the instance whose code this is
/// ```
///
/// The initialiser is evaluated for each instance, before the middlebox is constructed, and need not be constant. Outside
/// of an instance's code a use panics, except in unit tests (`cfg(test)` of the crate that declares it), where it is one copy for the
/// process, as without ftmb. Two statics of one module cannot have the same name, even inside of functions.
///
/// Options: `crate = path`, where `path` leads to
/// the facade if it is not called `ftmb`; `locks = "parking_lot"`.
#[proc_macro_attribute]
pub fn shared(arguments: TokenStream, item: TokenStream) -> TokenStream {
    shared::shared(arguments.into(), item.into()).into()
}

/// Rewrites the methods in an `impl` block of a shared struct, so that plain fields are read and assigned as before.
///
/// Put it on every `impl` block, of a trait or not, that touches the fields of a `#[ftmb::shared]` struct or constructs
/// one.
///
/// # Plain fields
///
/// A field of a `Copy` type is read by value. A field of another type is reached through a guard that lives as long as the
/// chain of calls (`self.names.iter().count()`). Where the chain's result borrows from the field
/// (`for name in self.names.iter()`, `match self.last.as_deref()`), the guard lives to the end of the statement or body, if
/// nothing in there touches the field again and the body no shared state at all. A body that touches shared state gets a copy
/// of the field it goes through or looks at (`for name in &self.names { self.total += 1 }`), if that is `Clone` and not changed
/// through the loan: no section may span other accesses. What remains is refused, by ftmb or the borrow checker: clone what
/// has to stay. Arguments and indices that may touch state are evaluated before the guard begins, so
/// `self.v.push(self.v.len())` does not wait for itself. What would (a `match` on a field that is not `Copy` and is assigned
/// in an arm, a lock taken in the head of an `if let` and again in its body) does not compile; what the tokens cannot show
/// panics and names both places.
///
/// Names of `parking_lot`, `dashmap` and `hashbrown` are replaced as in [`macro@shared`], in signatures, bodies and their
/// imports; the options are the same.
///
/// In `fn report` of a trait the fields are looked at without counting.
///
/// # Sources of non-determinism
///
/// ```text
/// Instant::now(), SystemTime::now()                      the packet's arrival; so is what elapsed() counts from
/// rand::random(), rand::rng(), thread_rng()              the core's own generator; refused in constructors
/// fastrand::{bool, u8 .. u64, usize, f64, char, choice, shuffle, fill, ..}     likewise
/// HashMap::new() and friends, types HashMap<K, V>        ftmb's map, whose order is the same in replay; not in constructors
/// thread::current().id()                                 the core
/// ```
///
/// Refused, each with a way out: `async`, threads, sleeping, channels, files, sockets, the environment, other clocks and
/// generators, `RandomState`, raw pointers and addresses as data, `static`s that change, `thread_local!`, `&mut self`, guards
/// that leave a public method, std's clocks and the order of std's hash maps in `#[ftmb(config)]` fields, and state inside of
/// macros that ftmb does not know. `unsafe` is refused unless the function, statement, block or `impl` carries
/// `#[ftmb(allow(unsafe))]`, which vouches that it touches no shared state and no address shows.
///
/// Functions are recognised by the last segments of their path (`fs::read`, `std::fs::read`), types by the compiler; `rng()` and
/// `random()` by their bare names are refused, since they may be `rand`'s. A path that
/// begins with `crate`, `self` or `super` is never taken for std's. Out of reach is what the block only calls: a function
/// elsewhere that reads a clock is found when replay differs, not before.
#[proc_macro_attribute]
pub fn middlebox(arguments: TokenStream, item: TokenStream) -> TokenStream {
    middlebox::middlebox(arguments.into(), item.into()).into()
}

/// Protects an inline module of existing code, whose lines stay as they are.
///
/// What it does, to everything in the module and the inline modules inside it:
///
/// ```text
/// imports and paths of std::sync::{Mutex, RwLock, ..}, std::sync::atomic::Atomic*       mean the tracked types
///     of std::collections::{HashMap, HashSet, hash_map}                                  mean ftmb's, whose order replays
///     of std::time::{Instant, SystemTime}                                                mean the packet's arrival
///     of parking_lot, dashmap, hashbrown                                                 mean ftmb's types of that shape
/// structs that hold a lock or an atomic, or implement Middlebox                          #[ftmb::shared]
/// structs and enums that shared state holds                                              #[ftmb::state]
/// impl blocks of shared structs                                                          #[ftmb::middlebox]
/// statics that hold a lock or an atomic                                                  #[ftmb::shared]
/// literals of shared structs, wherever they are                                          give each field its tracked value
/// other impl blocks, functions, traits                                                   clocks and random numbers replaced,
///                                                                                        what cannot be replayed refused
/// ```
///
/// Imports are followed through renaming, nesting and globs of the modules above; `use super::*` cannot be. A name that
/// it brings in still gets the right type if it is std's lock or map in a field or static, since those are mapped where they
/// are compiled; where it is not, the types do not fit and the compiler says so.
///
/// `#[ftmb(skip)]` leaves an item as it is; so do `#[cfg(test)]` and `#[test]`. `#[ftmb(config)]`, `#[ftmb(per_core)]` and `#[ftmb(shared)]` on
/// fields mean what they mean in `#[ftmb::shared]`; without them each plain field of a shared struct is a tracked cell.
/// A plain field is touched by the methods of its own struct only. What item macros define, and literals in the arguments of
/// macros, are not seen. `mod name;` is refused: an attribute does not see the
/// file. Options: `crate = path`.
#[proc_macro_attribute]
pub fn instrument(arguments: TokenStream, item: TokenStream) -> TokenStream {
    instrument::instrument(arguments.into(), item.into()).into()
}

/// Makes a struct or enum data that may live inside a tracked variable.
///
/// Derives `State` and, through the facade, serde's `Serialize` and `Deserialize`. Every field has to be `State` itself,
/// or marked `#[ftmb(opaque)]`: then its serde implementation is trusted to lose nothing. References, raw pointers, function
/// pointers, `dyn`, `Rc`, `Arc`, `Cell`, locks, atomics, std's hash maps and clocks, files and sockets are refused.
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
