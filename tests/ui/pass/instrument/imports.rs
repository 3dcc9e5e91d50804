//! Imports as people write them: nested, renamed, through modules, globs, in bodies, re-exported; and paths in full.

#![deny(warnings)]

#[ftmb::instrument]
mod table {
    use ::std::collections::hash_map::{self, Entry};
    use std::sync::{Arc, Mutex as Lock, atomic};
    use std::{
        collections as maps,
        time::{self, Duration, Instant as Clock},
    };

    pub use std::sync::RwLock;

    #[derive(Clone)]
    struct Flow {
        begun: time::Instant,
        seen: Clock,
        wall: std::time::SystemTime,
    }

    pub struct Table {
        flows: RwLock<maps::HashMap<u32, Flow>>,
        names: Lock<std::collections::HashSet<String>>,
        hits: atomic::AtomicU64,
        in_full: ::std::sync::Mutex<u8>,
        pools: Vec<Arc<Lock<u32>>>,
    }

    impl Table {
        pub fn new() -> Self {
            Self {
                flows: RwLock::new(maps::HashMap::new()),
                names: Lock::default(),
                hits: atomic::AtomicU64::new(0),
                in_full: ::std::sync::Mutex::new(3),
                pools: vec![Arc::new(Lock::new(1)), Arc::new(Lock::new(2))],
            }
        }

        pub fn work(&self, key: u32) -> u64 {
            use atomic::Ordering::Relaxed;
            let now = Clock::now();
            let fresh = || Flow { begun: now, seen: time::Instant::now(), wall: time::SystemTime::now() };
            {
                let mut flows = self.flows.write().unwrap();
                match flows.entry(key) {
                    Entry::Occupied(mut flow) => flow.get_mut().seen = now,
                    hash_map::Entry::Vacant(free) => {
                        free.insert(fresh());
                    }
                }
                flows.retain(|_, flow| flow.seen.duration_since(flow.begun) < Duration::from_secs(9));
                flows.retain(|_, flow| flow.wall.duration_since(time::UNIX_EPOCH).is_ok());
            }
            self.names.lock().unwrap().insert(key.to_string());
            *self.in_full.lock().unwrap() += 1;
            self.hits.fetch_add(1, Relaxed) + self.pools.iter().map(|pool| u64::from(*pool.lock().unwrap())).sum::<u64>()
        }
    }

    pub mod deeper {
        use super::*;
        use std::sync::atomic::*;

        pub struct Hits(pub AtomicU32, Lock<time::Duration>);

        impl Hits {
            pub fn new() -> Self {
                Hits(AtomicU32::new(0), Lock::new(Duration::ZERO))
            }

            pub fn hit(&self) -> u32 {
                *self.1.lock().unwrap() += Duration::from_millis(1);
                self.0.fetch_add(1, Ordering::Relaxed)
            }
        }
    }
}

fn main() {
    let table = table::Table::new();
    assert_eq!(table::deeper::Hits::new().hit(), 0);
    let _: fn(&table::Table, u32) -> u64 = table::Table::work;
    let _ = (table, table::RwLock::new(3));
}
