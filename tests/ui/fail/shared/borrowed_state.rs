//! Nothing can be borrowed from the process that died. Both errors at once.

use std::sync::Mutex;

#[ftmb::shared]
struct Nat<'a> {
    name: Mutex<&'a str>,
    raw: *const u8,
    callback: fn(u32) -> u32,
    plugin: Mutex<Box<dyn Send>>,
}

fn main() {}
