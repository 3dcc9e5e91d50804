//! Values and keys of a map, and content of parking_lot's locks, must be data that can be saved.

struct Flow {
    port: u16,
}

#[derive(PartialEq, Eq, Hash)]
struct Key(u32);

#[ftmb::shared]
struct Nat {
    flows: dashmap::DashMap<u32, Flow>,
    keys: dashmap::DashMap<Key, u32>,
    last: parking_lot::Mutex<Option<Flow>>,
}

fn main() {}
