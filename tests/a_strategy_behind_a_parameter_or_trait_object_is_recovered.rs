//! A middlebox that does not name the type of a part of its state: the part is a type parameter, or behind a pointer to a trait.
//!
//! Invariant: what the part holds is numbered, logged and restored like fields of a named type.

use ftmb::prelude::*;
use ftmb::std::sync::Arc;
use ftmb::std::sync::atomic::{AtomicU64, Ordering};
use ftmb::sync::Shared;
use ftmb::testing::{Input, assert_deterministic, assert_recoverable};
use std::collections::HashMap;
use std::sync::Mutex;

trait Policy: Shared + 'static {
    fn admit(&self, source: u8) -> bool;
}

#[ftmb::shared]
#[derive(Default)]
struct Quota {
    spent: Mutex<HashMap<u8, u32>>,
}

#[ftmb::middlebox]
impl Policy for Quota {
    fn admit(&self, source: u8) -> bool {
        let mut spent = self.spent.lock().unwrap();
        let spent = spent.entry(source).or_default();
        *spent += 1;
        *spent <= 10
    }
}

#[ftmb::shared]
#[derive(Default)]
struct EveryOther {
    seen: AtomicU64,
}

#[ftmb::middlebox]
impl Policy for EveryOther {
    fn admit(&self, _: u8) -> bool {
        self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)
    }
}

#[ftmb::shared]
struct Limiter<P> {
    #[ftmb(shared)]
    policy: P,
    #[ftmb(shared)]
    second: Box<dyn Policy>,
    #[ftmb(shared)]
    all: Vec<Arc<dyn Policy>>,
    /// Not necessary here, and no harm.
    #[ftmb(shared)]
    named: EveryOther,
    passed: u64,
}

#[ftmb::middlebox]
impl<P: Policy> Limiter<P> {
    fn new(policy: P) -> Self {
        let all: Vec<Arc<dyn Policy>> = vec![Arc::new(Quota::default())];
        Self { policy, second: Box::new(EveryOther::default()), all, named: EveryOther::default(), passed: 0 }
    }

    fn admit(&self, source: u8) -> bool {
        self.policy.admit(source) && self.second.admit(source) && self.all.iter().all(|policy| policy.admit(source))
    }
}

#[ftmb::middlebox]
impl<P: Policy> Middlebox for Limiter<P> {
    fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        if !self.admit(packet.bytes()[0]) {
            return Verdict::Drop;
        }
        self.passed += 1;
        packet.bytes_mut()[1] = self.passed as u8;
        Verdict::Forward(PortId(1))
    }
}

fn trace() -> Vec<Input> {
    (0..150_u8).map(|i| Input::Packet(PortId(0), vec![i % 5; 60])).collect()
}

#[test]
fn a_part_of_any_type_is_recovered() {
    assert_recoverable(|| Limiter::new(Quota::default()), &trace(), 4);
    assert_recoverable(|| Limiter::new(EveryOther::default()), &trace(), 4);
}

#[test]
fn a_part_of_any_type_is_replayed() {
    assert_deterministic(|| Limiter::new(Quota::default()), &trace());
}

#[test]
fn its_variables_have_names_like_those_of_other_parts() {
    let mut walker = ftmb::sync::Walker::new();
    let limiter = Limiter::new(Quota::default());
    limiter.walk(&mut walker);
    assert_eq!(
        walker.names().collect::<Vec<_>>(),
        ["policy.spent", "second.seen", "all[0].spent", "named.seen", "passed"]
    );
}

/// The same in a module with one attribute: the mark alone makes a struct shared state.
#[ftmb::instrument]
mod instrumented {
    use std::sync::atomic::{AtomicU64, Ordering};

    pub(super) trait Choice: ftmb::sync::Shared {
        fn next(&self, of: u64) -> u64;
    }

    #[derive(Default)]
    pub(super) struct RoundRobin {
        count: AtomicU64,
    }

    impl Choice for RoundRobin {
        fn next(&self, of: u64) -> u64 {
            self.count.fetch_add(1, Ordering::Relaxed) % of
        }
    }

    /// Holds nothing, so that it is state has to be said.
    #[ftmb::shared]
    pub(super) struct Always(#[ftmb(config)] pub(super) u64);

    impl Choice for Always {
        fn next(&self, of: u64) -> u64 {
            self.0 % of
        }
    }

    pub(super) struct Chooser {
        #[ftmb(shared)]
        choices: [Box<dyn Choice>; 2],
    }

    impl Chooser {
        pub(super) fn new() -> Self {
            Self { choices: [Box::new(RoundRobin::default()), Box::new(Always(3))] }
        }

        pub(super) fn next(&self) -> u64 {
            self.choices.iter().map(|choice| choice.next(7)).sum()
        }
    }
}

#[ftmb::middlebox]
impl Middlebox for instrumented::Chooser {
    fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        packet.bytes_mut()[1] = self.next() as u8;
        Verdict::Forward(PortId(1))
    }
}

#[test]
fn an_instrumented_module_may_hold_them() {
    assert_recoverable(instrumented::Chooser::new, &trace(), 4);
    assert_deterministic(instrumented::Chooser::new, &trace());
}
