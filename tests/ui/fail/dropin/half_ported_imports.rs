//! A tracked lock around a type of std that was not ported: the message says so.

use ftmb::std::sync::Mutex;
use std::collections::HashMap;

#[ftmb::shared]
struct Nat {
    flows: Mutex<HashMap<u32, u32>>,
}

fn main() {}
