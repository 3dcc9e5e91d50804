//! An alias hides the lock from the tokens, not from the types.

use std::sync::Mutex;

struct Entry;
type Entries = Vec<Mutex<Entry>>;

#[ftmb::shared]
struct Nat {
    entries: Entries,
}

fn main() {}
