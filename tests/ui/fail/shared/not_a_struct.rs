//! Only a struct with named fields has variables that can be named.

#[ftmb::shared]
enum State {
    Idle,
}

#[ftmb::shared]
struct Pair(std::sync::Mutex<u32>, u64);

fn main() {}
