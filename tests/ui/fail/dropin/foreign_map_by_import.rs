//! A name that says nothing about its crate is left to the compiler, and the message tells what to write.

mod hashbrown {
    pub struct HashMap<K, V>(K, V);
}

use crate::hashbrown::HashMap;
use std::sync::Mutex;

#[ftmb::shared]
struct Nat {
    flows: Mutex<HashMap<u32, u32>>,
}

fn main() {}
