//! A static of a shared struct, and a static inside a function.

use std::sync::atomic::{AtomicU64, Ordering};

use ftmb::prelude::*;

#[ftmb::shared]
#[derive(Default)]
struct Statistics {
    forwarded: AtomicU64,
    dropped: AtomicU64,
}

#[ftmb::shared]
static STATISTICS: Statistics =
    Statistics { forwarded: ftmb::sync::AtomicU64::new(0), dropped: ftmb::sync::AtomicU64::new(0) };

#[ftmb::shared]
struct Filter {}

#[ftmb::middlebox]
impl Middlebox for Filter {
    fn process(&self, packet: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict {
        #[ftmb::shared]
        static SEEN: AtomicU64 = AtomicU64::new(0);

        SEEN.fetch_add(1, Ordering::Relaxed);
        if packet.bytes().is_empty() {
            STATISTICS.dropped.fetch_add(1, Ordering::Relaxed);
            return Verdict::Drop;
        }
        STATISTICS.forwarded.fetch_add(1, Ordering::Relaxed);
        Verdict::Forward(PortId(1))
    }
}

fn main() {
    let mut group = ftmb::testing::Group::new(1, || Filter {}).unwrap();
    group.send(PortId(0), &[1; 60]);
    group.settle().unwrap();
    assert_eq!(group.released(PortId(1)).count(), 1);
}
