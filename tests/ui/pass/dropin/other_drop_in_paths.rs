//! A file whose only change are the imports of `parking_lot`, `dashmap` and `hashbrown`.

#![deny(warnings)]

use ftmb::dashmap::DashMap;
use ftmb::dashmap::mapref::one::Ref;
use ftmb::hashbrown::HashMap;
use ftmb::parking_lot::{MappedMutexGuard, Mutex, MutexGuard, RwLock, RwLockWriteGuard};

#[ftmb::shared]
struct Nat {
    flows: DashMap<u32, String>,
    ports: Vec<Mutex<Vec<u16>>>,
    names: RwLock<HashMap<u32, String>>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self {
            flows: DashMap::from_iter([(1, "one".into())]),
            ports: vec![Mutex::new(vec![1, 2])],
            names: RwLock::new(HashMap::new()),
        }
    }

    fn flow(&self, key: u32) -> Option<Ref<'_, u32, String>> {
        self.flows.get(&key)
    }

    fn first_port(&self) -> Option<MappedMutexGuard<'_, u16>> {
        MutexGuard::try_map(self.ports[0].lock(), |ports| ports.first_mut()).ok()
    }

    fn use_all(&self) -> usize {
        if let Some(mut port) = self.first_port() {
            *port += 10;
        }
        let mut names = self.names.write();
        names.insert(1, "first".into());
        let names = RwLockWriteGuard::downgrade(names);
        let flow = self.flow(1).map_or(0, |flow| flow.len());
        flow + names[&1].len() + usize::from(self.ports[0].lock()[0])
    }
}

fn main() {
    assert_eq!(Nat::new().use_all(), 3 + 5 + 11);
}
