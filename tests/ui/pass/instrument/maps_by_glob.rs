//! A map that only `use super::*` brings in is told by its type, in functions that belong to no shared struct as well.

#![deny(warnings)]

use std::collections::{HashMap, HashSet};

#[ftmb::instrument]
mod counting {
    use super::*;

    pub struct Counter {
        pub factor: u32,
    }

    impl Counter {
        pub fn count(&self, list: &[u32]) -> ftmb::collections::HashMap<u32, u32> {
            let mut counts: HashMap<u32, u32> = HashMap::new();
            for one in distinct(list) {
                counts.insert(one, self.factor * list.iter().filter(|other| **other == one).count() as u32);
            }
            counts
        }
    }

    fn distinct(list: &[u32]) -> ftmb::collections::HashSet<u32> {
        list.iter().copied().collect::<HashSet<_>>()
    }
}

fn main() {
    assert_eq!(counting::Counter { factor: 2 }.count(&[3, 4, 3]).get(&3), Some(&4));
}
