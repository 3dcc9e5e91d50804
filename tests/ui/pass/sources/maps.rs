//! std's hash maps in a method become ftmb's, whose order is the same when a packet is replayed; a constructor keeps them.

#![deny(warnings)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;

type Fixed = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

#[ftmb::shared]
struct Nat {
    ports: Mutex<HashMap<u32, u16>>,
    plain: HashMap<u32, u16>,
    seen: HashSet<u32>,
}

#[ftmb::middlebox]
impl Nat {
    fn new(ports: HashMap<u32, u16>) -> Self {
        let mut plain = HashMap::with_capacity(4);
        plain.insert(1, 2);
        Self { ports: Mutex::new(ports), plain, seen: HashSet::new() }
    }

    fn process(&self) -> usize {
        let mut local = HashMap::new();
        local.insert(3, 4_u16);
        let mut typed: HashMap<u32, u16> = HashMap::default();
        self.fill(&mut typed);
        let collected = self.plain.iter().map(|(key, value)| (*value, *key)).collect::<HashMap<_, _>>();
        let turbofish = std::collections::HashMap::<u8, u8>::with_capacity(3);
        let array = HashMap::from([("a", 1), ("b", 2)]);
        let mut set = HashSet::from([1, 2]);
        set.extend(array.values().copied());
        let names: HashSet<&str> = array.keys().copied().collect();
        let fixed: HashMap<u8, u8, Fixed> = Default::default();
        let sorted: BTreeMap<_, _> = local.iter().collect();
        self.plain = typed;
        self.seen = set;
        *self.ports.lock().unwrap() = local.clone();
        assert_eq!((sorted.len(), fixed.len(), turbofish.len(), names.len()), (1, 0, 0, 2));
        self.plain.len() + collected.len() + Self::count(&local) + self.seen.len()
    }

    fn fill(&self, map: &mut HashMap<u32, u16>) {
        map.entry(7).or_insert(8);
    }

    fn count(map: &HashMap<u32, u16>) -> usize {
        map.len()
    }
}

fn main() {
    assert_eq!(Nat::new(HashMap::from([(5, 6)])).process(), 5);
}
