//! A concurrent map or a lock of any crate is no configuration.

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    names: dashmap::DashMap<u32, String>,
    #[ftmb(config)]
    limits: parking_lot::RwLock<Vec<u32>>,
    #[ftmb(config)]
    jobs: crossbeam_channel::Receiver<u32>,
}

fn main() {}
