//! A middlebox as the documentation writes it: construction, names of variables, accesses, saving and loading its state.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, RwLock};

use ftmb::prelude::*;
use ftmb_runtime::state::{Extent, PieceReader, PieceWriter, Place, StateError};
use ftmb_runtime::sync::{Shared, Walker};

#[ftmb::state]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct FlowKey {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    sport: u16,
    dport: u16,
    proto: u8,
}

#[ftmb::state]
#[derive(Debug, Default, PartialEq)]
struct Shard {
    packets: u64,
    names: ftmb::collections::HashMap<u32, String>,
    mode: Mode,
}

#[ftmb::state]
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Mode {
    #[default]
    Idle,
    Busy {
        since: u64,
    },
}

#[ftmb::state]
#[derive(Clone, Default)]
struct FlowCache {
    last: Option<FlowKey>,
}

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    public: Ipv4Addr,
    #[ftmb(config)]
    outside: PortId,
    flows: RwLock<HashMap<FlowKey, u16>>,
    free_ports: Mutex<Vec<u16>>,
    shards: Vec<Mutex<Shard>>,
    #[ftmb(per_core)]
    cache: FlowCache,
    translated: Counter,
    generation: u64,
    mode: Mode,
    log: Vec<String>,
}

#[ftmb::middlebox]
impl Nat {
    fn new(outside: PortId) -> Self {
        Self {
            public: Ipv4Addr::LOCALHOST,
            outside,
            flows: RwLock::new(HashMap::new()),
            free_ports: Mutex::new((1..=3).collect()),
            shards: (0..2).map(|_| Mutex::new(Shard::default())).collect(),
            cache: FlowCache::default(),
            translated: Counter::new(),
            generation: 0,
            mode: Mode::Idle,
            log: Vec::new(),
        }
    }

    fn translate(&self, sport: u16) -> Option<u16> {
        let key = FlowKey { src: self.public, dst: self.public, sport, dport: 53, proto: 17 };
        if let Some(port) = self.flows.read().unwrap().get(&key) {
            return Some(*port);
        }
        let port = self.free_ports.lock().unwrap().pop()?;
        self.flows.write().unwrap().insert(key, port);
        self.shards[usize::from(port) % self.shards.len()].lock().unwrap().packets += 1;
        self.generation += 1;
        self.mode = match self.mode {
            Mode::Idle => Mode::Busy { since: self.generation },
            busy => busy,
        };
        self.log.push(format!("{} of {}", self.log.len() + 1, self.generation));
        Some(port)
    }
}

#[ftmb::middlebox]
impl Middlebox for Nat {
    fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        self.translated.add(1);
        match self.translate(packet.flow_hash() as u16) {
            Some(_) => Verdict::Forward(self.outside),
            None => Verdict::Drop,
        }
    }

    fn report(&self, metrics: &mut Metrics) {
        metrics.gauge("generation", self.generation as f64);
        metrics.gauge("entries", self.log.len() as f64);
    }
}

#[test]
fn variables_are_named_by_field_path_in_the_order_of_declaration() {
    let nat = Nat::new(PortId(1));
    let mut walker = Walker::new();
    nat.walk(&mut walker);
    let names: Vec<&str> = walker.names().collect();
    assert_eq!(
        names,
        ["flows", "free_ports", "shards[0]", "shards[1]", "cache", "translated", "generation", "mode", "log"]
    );
}

#[test]
fn plain_fields_behave_as_they_were_written() {
    let nat = Nat::new(PortId(1));
    assert_eq!(nat.translate(1), Some(3));
    assert_eq!(nat.translate(1), Some(3));
    assert_eq!(nat.translate(2), Some(2));
    assert_eq!(nat.translate(3), Some(1));
    assert_eq!(nat.translate(4), None);
    assert_eq!(*nat.generation.peek(), 3);
    assert_eq!(*nat.mode.peek(), Mode::Busy { since: 1 });
    assert_eq!(*nat.log.peek(), ["1 of 1", "2 of 2", "3 of 3"]);
    let mut metrics = Metrics::default();
    nat.report(&mut metrics);
    assert_eq!(metrics.iter().collect::<Vec<_>>(), [("generation", 3.0), ("entries", 3.0)]);
}

#[test]
fn derived_state_saves_what_changed_and_loads_it_again() -> Result<(), StateError> {
    let mut place = Place::new();
    let mut original = Shard { packets: 7, ..Shard::default() };
    original.names.extend([(1, "one".to_owned()), (2, "two".to_owned())]);
    let mut copy = Shard::default();
    for round in 0..3 {
        let mut bytes = Vec::new();
        let mut out = PieceWriter::new(&mut bytes, &mut place);
        original.capture(Extent::Changed, &mut out);
        out.finish()?;
        for piece in PieceReader::new(&bytes) {
            copy.restore(piece?)?;
        }
        copy.restored()?;
        assert_eq!(copy, original);
        original.names.insert(round, "changed".to_owned());
        original.mode = Mode::Busy { since: u64::from(round) };
        original.packets += 1;
    }
    let unknown = ftmb_runtime::state::Piece::Put { key: &[9], value: &[] };
    assert!(matches!(copy.restore(unknown), Err(StateError::UnknownKey { .. })));
    Ok(())
}
