//! Only crates whose locks ftmb has can be named.

#[ftmb::shared(locks = "spin")]
struct Nat {
    flows: std::sync::Mutex<u32>,
}

#[ftmb::middlebox(locks = parking_lot)]
impl Nat {
    fn new() -> Self {
        Self { flows: std::sync::Mutex::new(1) }
    }
}

#[ftmb::state(locks = "parking_lot")]
struct Flow {
    port: u16,
}

fn main() {}
