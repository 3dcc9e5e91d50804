//! Options that nobody knows are not ignored.

#[ftmb::state(transparent)]
struct Flow {
    #[ftmb(skip)]
    port: u16,
    #[ftmb(config)]
    name: String,
}

#[ftmb::state]
#[ftmb(opaque)]
struct Whole {
    port: u16,
}

fn main() {}
