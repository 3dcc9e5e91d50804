//! `parking_lot` and `dashmap` by import, glob, module and in full; neither is linked.

#![deny(warnings)]

#[ftmb::instrument]
mod table {
    use dashmap::{self as maps, DashMap};
    use parking_lot::*;

    #[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
    struct Key {
        host: u32,
    }

    #[derive(Default)]
    pub struct Table {
        flows: DashMap<Key, u32>,
        other: maps::DashMap<Key, u32>,
        names: RwLock<Vec<String>>,
        hits: parking_lot::Mutex<u64>,
    }

    impl Table {
        pub fn work(&self, host: u32) -> u64 {
            *self.flows.entry(Key { host }).or_insert(0) += 1;
            self.other.insert(Key { host }, 1);
            self.flows.alter(&Key { host }, |_, count| count + 1);
            self.names.write().push(host.to_string());
            bump(&mut self.hits.lock());
            *self.hits.lock() + self.names.read().len() as u64 + u64::from(*self.flows.get(&Key { host }).unwrap())
        }
    }

    fn bump(hits: &mut MutexGuard<'_, u64>) {
        **hits += 1;
    }
}

fn main() {
    assert_eq!(table::Table::default().work(7), 1 + 1 + 2);
}
