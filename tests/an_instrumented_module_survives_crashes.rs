//! Existing code in a module, its lines as they were but for one attribute: it survives crashes, and without any it does what
//! the same lines do unprotected.

#![forbid(unsafe_code)]
#![allow(missing_docs, unreachable_pub, clippy::new_without_default, reason = "the lines of somebody's library")]

use ftmb::prelude::*;
use ftmb::testing::{Crash, Group, Input, assert_recoverable};

/// The lines of the module, once instrumented and once plain.
macro_rules! existing_code {
    ($(#[$attribute:meta])* mod $name:ident) => {
        $(#[$attribute])*
        pub mod $name {
            use std::collections::{BTreeMap, HashMap as Map, hash_map::Entry};
            use std::sync::atomic::*;
            use std::sync::{self, LazyLock, Mutex};
            use std::time::{Duration, Instant as Clock};

            /// What a packet belongs to.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct Key(u8, Kind);

            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            enum Kind {
                Odd,
                Even,
            }

            #[derive(Clone, Debug)]
            struct Flow {
                number: u64,
                packets: u32,
                begun: Clock,
            }

            type Flows = sync::RwLock<Map<Key, Flow>>;

            /// State of its own inside the state.
            struct Statistics {
                seen: AtomicU64,
                longest: Mutex<usize>,
                last: u8,
            }

            impl Statistics {
                fn note(&self, bytes: &[u8]) {
                    self.seen.fetch_add(1, Ordering::Relaxed);
                    let mut longest = self.longest.lock().unwrap();
                    *longest = (*longest).max(bytes.len());
                }
            }

            static OPENED: AtomicU64 = AtomicU64::new(0);
            static ORDER: LazyLock<Mutex<BTreeMap<u64, Key>>> = LazyLock::new(|| Mutex::new(BTreeMap::new()));
            static LIMIT: usize = 5;

            pub struct Table {
                flows: Flows,
                statistics: Statistics,
                shards: Vec<Mutex<Shard>>,
            }

            #[derive(Default)]
            struct Shard {
                sum: u64,
            }

            impl Table {
                pub fn new() -> Self {
                    let shards = (0..4).map(|_| Mutex::new(Shard::default())).collect();
                    let flows = sync::RwLock::new(Map::new());
                    Table {
                        flows,
                        statistics: Statistics { seen: AtomicU64::new(0), longest: Mutex::new(0), last: 7 },
                        shards,
                    }
                }

                /// The number of the packet's flow, and how many packets it had.
                pub fn look_up(&self, bytes: &[u8]) -> (u64, u32, u64) {
                    self.statistics.note(bytes);
                    let key = key_of(bytes);
                    let now = Clock::now();
                    let shard = {
                        let mut shard = self.shards[usize::from(bytes[0]) % self.shards.len()].lock().unwrap();
                        shard.sum += u64::from(bytes[0]);
                        shard.sum
                    };
                    let mut flows = self.flows.write().unwrap();
                    let flow = match flows.entry(key) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(free) => {
                            let number = OPENED.fetch_add(1, Ordering::Relaxed);
                            ORDER.lock().unwrap().insert(number, key);
                            free.insert(Flow { number, packets: 0, begun: now })
                        }
                    };
                    flow.packets += 1;
                    let found = (flow.number, flow.packets, shard);
                    if flows.len() > LIMIT {
                        forget_oldest(&mut flows);
                    }
                    found
                }

                pub fn clean_up(&self) {
                    let now = Clock::now();
                    self.flows.write().unwrap().retain(|_, flow| now.duration_since(flow.begun) < Duration::from_secs(3600));
                }
            }

            fn key_of(bytes: &[u8]) -> Key {
                Key(bytes[0], if bytes[0] % 2 == 0 { Kind::Even } else { Kind::Odd })
            }

            fn forget_oldest(flows: &mut Map<Key, Flow>) {
                let mut order = ORDER.lock().unwrap();
                while let Some((_, key)) = order.pop_first() {
                    if flows.remove(&key).is_some() {
                        return;
                    }
                }
            }
        }
    };
}

existing_code! {
    #[ftmb::instrument]
    mod protected
}

existing_code! {
    #[allow(dead_code)]
    mod plain
}

#[ftmb::middlebox]
impl Middlebox for protected::Table {
    fn process(&self, packet: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict {
        let (number, packets, sum) = self.look_up(packet.bytes());
        packet.bytes_mut()[8..16].copy_from_slice(&number.to_be_bytes());
        packet.bytes_mut()[16..20].copy_from_slice(&packets.to_be_bytes());
        packet.bytes_mut()[20..28].copy_from_slice(&sum.to_be_bytes());
        Verdict::Forward(PortId(1))
    }

    fn tick(&self, _: &mut Context<'_>) {
        self.clean_up();
    }
}

fn trace(len: u32) -> impl Iterator<Item = Vec<u8>> {
    (0..len).map(|i| vec![(i * i % 11) as u8; 40 + (i % 7) as usize])
}

/// What the plain lines make of the packets, in one thread. Run in one test only: its statics are the process's.
fn expected(len: u32) -> Vec<(u64, u32, u64)> {
    let table = plain::Table::new();
    trace(len).map(|packet| table.look_up(&packet)).collect()
}

fn found(group: &Group<protected::Table>) -> Vec<(u64, u32, u64)> {
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
    let packets = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let outputs = group.released(PortId(1)).map(|output| &output.bytes);
    outputs.map(|bytes| (number(&bytes[8..16]), packets(&bytes[16..20]), number(&bytes[20..28]))).collect()
}

#[test]
fn under_kills_it_does_what_the_plain_lines_do() {
    let mut group = Group::new(1, protected::Table::new).unwrap();
    for (i, packet) in trace(400).enumerate() {
        group.send(PortId(0), &packet);
        if i % 80 == 50 {
            group.tick();
            group.crash(Crash::AtAccess(i as u64 % 23));
            group.recover().unwrap();
        }
    }
    group.settle().unwrap();
    assert_eq!(found(&group), expected(400));
}

#[test]
fn on_two_cores_recovery_is_exact() {
    let trace: Vec<Input> = trace(200).map(|packet| Input::Packet(PortId(0), packet)).collect();
    assert_recoverable(protected::Table::new, &trace, 4);
}
