//! Each field is checked by itself; std's hash map has a random order.

use std::collections::HashMap;

#[derive(serde::Serialize, serde::Deserialize)]
struct Foreign;

#[ftmb::state]
struct Flow {
    names: HashMap<u32, String>,
    foreign: Vec<Foreign>,
    port: u16,
}

#[ftmb::state]
enum Kind {
    Known(u8),
    Unknown(Foreign),
}

fn main() {}
