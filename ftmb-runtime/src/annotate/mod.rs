//! What the attributes of `ftmb-macros` expand to: how a field's type, as the user wrote it, becomes tracked state.
//!
//! Invariant: the type written decides, never its spelling. Whether a field is a lock, a container of locks or a plain
//! value is answered by [`Shareable`]; how an expression reaches it, by the methods of [`Probe`]. So imports and
//! aliases cannot fool the macros, and an access that the rewriter did not see does not compile. Types of crates that are
//! not linked (parking_lot, dashmap, hashbrown) are the exception: the macros know them by name, and put ours in their place.
//!
//! ```text
//! as written                    kind     stored                          field
//! u64                           Value    u64                             Tracked<u64>
//! Vec<u32>                      Value    Vec<u32>                        Tracked<Vec<u32>>
//! std::sync::Mutex<T>           Locks    sync::Mutex<T stored>           the same
//! Vec<std::sync::Mutex<T>>      Locks    Vec<sync::Mutex<T stored>>      the same
//! std::collections::HashMap     Value    collections::HashMap            Tracked<collections::HashMap>
//! sync::bare::Mutex<T>          Locks    sync::bare::Mutex<T stored>     the same
//! ShardedMap<K, V>              Locks    ShardedMap<K, V stored>         the same
//! a #[ftmb::shared] struct      Locks    itself                          the same
//! ```
//!
//! Nothing here is meant to be named by hand: the facade exports it as `ftmb::__private`.

mod access;
mod assign;
pub mod fastrand;
mod locks;
mod probe;
mod refused;
mod replayed;
mod shareable;
mod sources;
pub mod thread;
mod values;

pub use access::{CopyCell, GuardCell, Lent, PeekCell, Received};
pub use assign::{Assignable, AssignedInBody, LentToBody};
pub use probe::{Iterated, Probe, ViaGuard, ViaReference};
pub use refused::Refused;
pub use replayed::{RandomOrder, Replayed, SameOrder};
pub use shareable::{
    Annotated, Field, Held, Locks, PerCoreField, Plain, Shareable, StaticAs, StaticCopy, StaticField, Storable,
    TrackAs, Value, track, track_per_core, unknown_piece,
};
pub use sources::{Clock, Epoch, Foreign, OtherEpoch, Portable, Random, instead_of, random};
