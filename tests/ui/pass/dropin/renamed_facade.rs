//! The names are found through `crate = path` too, and a local name of the same spelling is left alone.

#![deny(warnings)]

mod vendor {
    pub use ftmb as robust;
}

#[vendor::robust::shared(crate = crate::vendor::robust, locks = "parking_lot")]
struct Nat {
    flows: dashmap::DashMap<u32, u32>,
    lock: parking_lot::Mutex<Kind>,
}

#[vendor::robust::state(crate = crate::vendor::robust)]
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Mutex,
    DashMap,
}

#[vendor::robust::middlebox(crate = crate::vendor::robust, locks = "parking_lot")]
impl Nat {
    fn new() -> Self {
        Self { flows: dashmap::DashMap::new(), lock: parking_lot::Mutex::new(Kind::Mutex) }
    }

    fn kind(&self) -> Kind {
        let parking_lot = self.flows.len();
        let dashmap = [parking_lot; 2];
        assert_eq!(dashmap.len(), 2);
        let kind = *self.lock.lock();
        if kind == Kind::Mutex {
            *self.lock.lock() = Kind::DashMap;
        }
        kind
    }
}

fn main() {
    let nat = Nat::new();
    assert_eq!((nat.kind(), nat.kind()), (Kind::Mutex, Kind::DashMap));
}
