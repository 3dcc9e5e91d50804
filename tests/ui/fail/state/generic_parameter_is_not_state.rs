//! A parameter is `State` where the type is used.

#[ftmb::state]
struct Entry<T> {
    value: T,
}

struct Foreign;

fn holds<T: ftmb::State>() {}

fn main() {
    holds::<Entry<u8>>();
    holds::<Entry<Foreign>>();
}
