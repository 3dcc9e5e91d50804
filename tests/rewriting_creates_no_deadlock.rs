//! Expressions that touch a plain field twice do not make the core wait for itself, live or in replay; the few that must are
//! ended by a message that names both places.

use std::collections::HashMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use ftmb::prelude::*;
use ftmb::testing::{Group, GroupError, Input, assert_recoverable};

#[ftmb::state]
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mode {
    Idle,
    Busy { since: u64 },
}

#[ftmb::shared]
struct Twice {
    v: Vec<u32>,
    map: Mutex<HashMap<u8, u32>>,
    plain: HashMap<u8, u32>,
    state: Mode,
    log: String,
    total: u64,
}

#[ftmb::middlebox]
impl Twice {
    fn new() -> Self {
        Self {
            v: vec![1],
            map: Mutex::new(HashMap::new()),
            plain: HashMap::new(),
            state: Mode::Idle,
            log: String::new(),
            total: 0,
        }
    }

    fn next(&self) -> u32 {
        self.total += 1;
        self.total as u32
    }

    fn lists(&self) -> usize {
        let twice = self.v.len() + self.v.len();
        self.v.push(self.v.len() as u32);
        self.v.push(self.next());
        let last = self.v.len() - 1;
        self.v[self.v.len() - 1] = self.v[last] + self.v[0];
        self.v[0] += self.v[last];
        self.v.insert(self.v.len() / 2, self.v.iter().copied().max().unwrap_or(0));
        self.v.swap(0, self.v.len() - 1);
        self.v.extend_from_slice(&self.v.clone()[..1]);
        while self.v.len() > 12 {
            self.v.remove(self.v.len() - 1);
        }
        while let Some(last) = self.v.pop() {
            if last < 9 || self.v.len() < 3 {
                self.v.push(last / 2);
                break;
            }
        }
        self.v.pop().map(|last| self.v.push(last));
        let lengths: usize = self.v.iter().copied().map(|one| one as usize + self.v.len()).sum();
        let order = self.v.pop().unwrap_or(0) + self.v.pop().unwrap_or(self.next()).min(self.v.len() as u32);
        self.v.first().copied().map(|first| self.v.push(first + order % 5)).unwrap_or_else(|| self.v.push(1));
        self.v.is_empty().then(|| self.v.push(self.next()));
        twice + lengths % 7 + self.v.iter().filter(|one| **one > 3).count()
    }

    /// What is popped is gone when the length is taken, and what is pushed was taken before.
    fn in_order(&self) -> (usize, u32, u32, usize) {
        let after = self.v.pop().map_or(9, |_| self.v.len());
        self.v.push(self.next());
        let first = self.v.pop().unwrap_or(self.next());
        let second = self.v.pop().unwrap_or(self.next());
        self.v.extend([second, first, self.next()]);
        (after, first, second, self.v.drain(..).count() + self.v.len())
    }

    /// A receiver that is taken by value is read before its operands are evaluated.
    fn received(&self) -> (u64, u64, u32) {
        self.total = 5;
        let sum = self.total.wrapping_add(u64::from(self.next()));
        let largest = self.total.max({
            self.total = 1;
            3
        });
        (sum, largest, self.v.first().copied().unwrap_or(self.next()))
    }

    /// What a body that touches state goes through or looks at is a copy: no section is open meanwhile.
    fn lent(&self) -> u64 {
        let before = self.total;
        for one in &self.v {
            self.total += u64::from(*one);
            self.v.push(1);
        }
        for (index, one) in self.v.iter().enumerate().skip(1) {
            self.total += u64::from(*one) + index as u64;
            self.v.pop();
        }
        for (key, one) in &self.plain {
            self.total += u64::from(*one);
            self.plain.remove(key);
        }
        match &self.log {
            log if log.len() > 3 => self.log.clear(),
            log => self.log.push_str(&log.len().to_string()),
        }
        if let Some(last) = self.log.as_str().chars().last() {
            self.log.push(last);
        }
        self.v.push(1);
        let after = self.total - before;
        self.total = before;
        after
    }

    fn maps(&self, key: u8) -> u32 {
        if self.plain.contains_key(&key) {
            self.plain.remove(&key);
        } else {
            self.plain.insert(key, self.plain.len() as u32);
        }
        if let Some(found) = self.plain.get(&(key / 2)).copied() {
            self.plain.insert(key, found);
        }
        self.plain.get(&key).copied().map(|found| self.plain.insert(key + 1, found));
        self.plain.remove(&7).or_else(|| self.plain.remove(&6));
        if self.map.lock().unwrap().contains_key(&key) {
            self.map.lock().unwrap().remove(&key);
        }
        let more = self.map.lock().unwrap().len() as u32;
        self.map.lock().unwrap().insert(key, more);
        for (seen, count) in self.plain.clone() {
            self.plain.insert(seen, count + 1);
        }
        self.plain.values().sum()
    }

    fn states(&self) -> u64 {
        match self.state {
            Mode::Idle => self.state = Mode::Busy { since: self.total },
            Mode::Busy { since } if since % 2 == 0 => self.state = Mode::Busy { since: since + 1 },
            Mode::Busy { .. } => self.state = Mode::Idle,
        }
        if let Mode::Busy { since } = self.state {
            self.state = Mode::Busy { since: since.max(self.total) };
        }
        self.total = match self.state {
            Mode::Idle => self.total + self.total,
            Mode::Busy { since } => since,
        } % 1000;
        self.total
    }

    fn texts(&self) -> usize {
        self.log.push_str(&self.log.clone());
        self.log = format!("{}{}", self.log.len(), self.log);
        write!(self.log, "-{}-{}", self.log.len(), self.total).expect("a string takes all");
        writeln!(self.log, "{:?}", self.state).expect("a string takes all");
        if self.log.len() > 100 {
            self.log.truncate(self.log.len() / 2);
        }
        let bump = |by: u64| {
            self.total += by;
            self.total
        };
        (bump(1) + bump(2)) as usize + self.log.trim_end().len()
    }
}

#[ftmb::middlebox]
impl Middlebox for Twice {
    fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        let key = packet.bytes()[0] % 8;
        let mixed = self.lists() as u64 + u64::from(self.maps(key)) + self.lent() + self.states() + self.texts() as u64;
        packet.bytes_mut()[..8].copy_from_slice(&mixed.to_be_bytes());
        Verdict::Forward(PortId(1))
    }
}

#[test]
fn arguments_are_evaluated_in_the_order_they_are_written() {
    let twice = Twice::new();
    assert_eq!(twice.in_order(), (0, 1, 3, 3), "the argument of the first `unwrap_or` is evaluated though not needed");
}

#[test]
fn a_receiver_is_read_before_its_operands_change_it() {
    assert_eq!(Twice::new().received(), (11, 6, 1));
}

#[test]
fn a_body_that_touches_state_goes_through_a_copy() {
    let twice = Twice::new();
    assert_eq!(twice.lent(), 3);
    assert_eq!((&*twice.v.peek(), twice.log.peek().as_str()), (&vec![1, 1], "00"));
}

#[test]
fn fields_touched_twice_in_an_expression_are_recovered_exactly() {
    let trace: Vec<Input> = (0..60_u8).map(|byte| Input::Packet(PortId(0), vec![byte; 60])).collect();
    assert_recoverable(Twice::new, &trace, 12);
}

/// What `work` panics with.
fn message(work: impl FnOnce()) -> String {
    let caught = catch_unwind(AssertUnwindSafe(work));
    let message = caught.err().and_then(|panic| panic.downcast::<String>().ok());
    *message.expect("the core holds what it asks for")
}

#[ftmb::shared]
struct Caught {
    names: Vec<String>,
    total: u64,
}

#[ftmb::middlebox]
impl Caught {
    fn new() -> Self {
        Self { names: vec!["one".to_owned()], total: 0 }
    }

    fn more(&self) {
        self.names.push("more".to_owned());
    }
}

#[ftmb::middlebox]
impl Middlebox for Caught {
    fn process(&self, _packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
        let text = message(|| {
            let names = &self.names;
            self.total += names.len() as u64;
            self.more();
        });
        assert!(text.contains("`names` is acquired a second time"), "{text}");
        assert_eq!(text.matches(file!()).count(), 2, "both places: {text}");
        Verdict::Drop
    }
}

#[test]
fn a_field_that_a_reference_holds_cannot_be_changed_behind_it() -> Result<(), GroupError> {
    let mut group = Group::new(1, Caught::new)?;
    group.send(PortId(0), &[0; 60]);
    group.settle()
}
