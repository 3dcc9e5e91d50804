//! State without `self`: statics of the module and of its functions; plain constants and tables stay.

#![deny(warnings)]

use ftmb::prelude::*;

#[ftmb::instrument]
mod counting {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{LazyLock, Mutex};
    use std::time::Instant;

    static SEEN: LazyLock<Mutex<HashMap<u8, Entry>>> = LazyLock::new(|| Mutex::new(HashMap::new()));
    static SQUARES: LazyLock<Vec<u64>> = LazyLock::new(|| (0..256).map(|n| n * n).collect());
    static STEP: u64 = 1;

    struct Entry {
        packets: u64,
        last: Instant,
    }

    pub fn count(kind: u8) -> u64 {
        static ALL: AtomicU64 = AtomicU64::new(0);
        ALL.fetch_add(STEP, Ordering::Relaxed);
        let mut seen = SEEN.lock().unwrap();
        let now = Instant::now();
        let entry = seen.entry(kind).or_insert_with(|| Entry { packets: 0, last: now });
        entry.packets += 1;
        entry.last = entry.last.max(now);
        entry.packets + SQUARES[2]
    }
}

#[ftmb::shared]
struct Counting;

#[ftmb::middlebox]
impl Middlebox for Counting {
    fn process(&self, packet: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict {
        let count = counting::count(packet.bytes()[0]);
        packet.bytes_mut()[0] = count as u8;
        Verdict::Forward(PortId(1))
    }
}

fn main() {
    let mut group = ftmb::testing::Group::new(1, || Counting).unwrap();
    group.send(PortId(0), &[1; 60]);
    group.send(PortId(0), &[1; 60]);
    group.settle().unwrap();
    assert_eq!(group.released(PortId(1)).map(|output| output.bytes[0]).collect::<Vec<_>>(), [5, 6]);
}
