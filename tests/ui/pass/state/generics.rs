//! Parameters, bounds, where clauses, constants, nesting, recursion.

#![deny(warnings)]

use ftmb::State;
use ftmb::collections::{HashMap, HashSet};
use std::hash::Hash;

#[ftmb::state]
#[derive(Clone, Default)]
struct Pair<A, B = u8> {
    first: A,
    second: Option<B>,
}

#[ftmb::state]
struct Index<K, V>
where
    K: Eq + Hash,
{
    entries: HashMap<K, Pair<V>>,
    seen: HashSet<K>,
}

#[ftmb::state]
enum Outcome<T, E> {
    Done(T),
    Failed { error: E, after: Vec<Outcome<T, E>> },
}

#[ftmb::state]
struct Deep(Index<u32, Pair<String, (u8, [u16; 3])>>, Box<[Pair<u64>]>);

#[ftmb::shared]
struct Nat {
    deep: std::sync::Mutex<Vec<Pair<u32>>>,
    outcome: Outcome<u8, String>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { deep: Default::default(), outcome: Outcome::Done(1) }
    }

    fn process(&self) -> usize {
        self.outcome = Outcome::Failed { error: String::from("late"), after: vec![Outcome::Done(2)] };
        self.deep.lock().unwrap().push(Pair { first: 1, second: None });
        match &self.outcome {
            Outcome::Done(_) => 0,
            Outcome::Failed { error, after } => error.len() + after.len() + self.deep.lock().unwrap().len(),
        }
    }
}

fn is_state<T: State>() {}

fn main() {
    is_state::<Deep>();
    is_state::<Outcome<Pair<u8>, ()>>();
    assert_eq!(Nat::new().process(), 6);
}
