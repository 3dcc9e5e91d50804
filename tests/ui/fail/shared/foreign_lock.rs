//! A lock that ftmb does not know is not data either.

struct SpinLock<T>(T);

#[ftmb::shared]
struct Nat {
    port: SpinLock<u16>,
}

fn main() {}
