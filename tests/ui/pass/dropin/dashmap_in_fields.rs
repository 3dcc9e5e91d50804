//! `DashMap` by import and by path, in containers, with the methods and guards that people use.

#![deny(warnings)]

mod elsewhere {
    pub struct DashMap<K, V>(pub K, pub V);
}

use elsewhere::DashMap;
use std::collections::HashMap;
use std::sync::Arc;

#[ftmb::state]
#[derive(Clone, Debug, Default, PartialEq)]
struct Flow {
    port: u16,
    packets: u64,
}

#[ftmb::shared]
struct Nat {
    flows: DashMap<u32, Flow>,
    names: dashmap::DashMap<String, Vec<u8>>,
    shards: Vec<DashMap<u32, u32>>,
    boxed: Option<Box<DashMap<u32, u32>>>,
    shared: Arc<::dashmap::DashMap<u32, u32>>,
    nested: DashMap<u32, HashMap<u32, u32>>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        let names: DashMap<String, Vec<u8>> = DashMap::with_capacity(10);
        names.insert("a".into(), vec![1]);
        Self {
            flows: DashMap::new(),
            names,
            shards: vec![DashMap::default(), dashmap::DashMap::<u32, u32>::with_shard_amount(2)],
            boxed: Some(Box::new((0..3).map(|n| (n, n)).collect::<DashMap<u32, u32>>())),
            shared: Arc::new(DashMap::new()),
            nested: DashMap::new(),
        }
    }

    fn flow(&self, key: u32) -> dashmap::mapref::one::RefMut<'_, u32, Flow> {
        self.flows.entry(key).or_insert_with(|| Flow { port: 1, packets: 0 })
    }

    fn count(flows: &DashMap<u32, Flow>) -> u64 {
        flows.iter().map(|flow| flow.packets).sum()
    }

    fn use_all(&self) {
        use dashmap::mapref::entry::Entry;
        self.flow(1).packets += 1;
        if let Some(mut flow) = self.flows.get_mut(&1) {
            flow.packets += 1;
        }
        match self.flows.entry(2) {
            Entry::Occupied(_) => unreachable!(),
            Entry::Vacant(vacant) => {
                vacant.insert(Flow { port: 2, packets: 5 });
            }
        }
        assert_eq!(Self::count(&self.flows), 7);
        for mut entry in self.flows.iter_mut() {
            entry.value_mut().packets += u64::from(*entry.key());
        }
        for entry in &self.flows {
            assert!(entry.value().packets >= 3, "{:?}", entry.pair());
        }
        self.flows.alter(&1, |_, flow| Flow { packets: 0, ..flow });
        self.flows.retain(|_, flow| flow.packets > 0);
        assert!(!self.flows.contains_key(&1) && self.flows.len() == 1);
        assert_eq!(self.flows.remove(&2).map(|(key, flow)| (key, flow.port)), Some((2, 2)));
        assert!(self.flows.is_empty());
        assert_eq!(self.names.get("a").map(|bytes| bytes.len()), Some(1));
        self.shards[1].insert(1, 2);
        assert_eq!(self.boxed.as_ref().map(|map| map.len()), Some(3));
        self.shared.insert(1, 1);
        assert_eq!(self.shared.remove_if(&1, |_, value| *value == 1), Some((1, 1)));
        self.nested.entry(1).or_default().insert(2, 3);
        assert_eq!(self.nested.view(&1, |_, inner| inner[&2]), Some(3));
        self.flows.clear();
    }
}

fn main() {
    Nat::new().use_all();
    let unported = elsewhere::DashMap(1, 2);
    assert_eq!(unported.0 + unported.1, 3);
}
