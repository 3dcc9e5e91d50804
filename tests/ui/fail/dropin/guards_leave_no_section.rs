//! A guard borrows from its lock, and is no state.

use ftmb::dashmap::DashMap;
use ftmb::dashmap::mapref::one::Ref;
use ftmb::parking_lot::MappedMutexGuard;

#[ftmb::shared]
struct Nat {
    map: DashMap<u32, u32>,
    held: Option<MappedMutexGuard<'static, u32>>,
}

fn escape() -> Ref<'static, u32, u32> {
    let map = DashMap::from_iter([(1, 2)]);
    map.get(&1).unwrap()
}

fn main() {
    escape();
}
