//! Shapes of data, generics, recursion, opaque fields.

#![deny(warnings)]
#![allow(dead_code)]

use ftmb::State;
use ftmb::collections::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;

#[ftmb::state]
struct Unit;

#[ftmb::state]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Tuple(u8, pub [u16; 4]);

#[ftmb::state]
#[derive(Debug)]
enum Tree<T> {
    Leaf,
    Node { value: T, children: Vec<Tree<T>> },
    Pair(Box<Tree<T>>, Option<Box<Tree<T>>>),
}

#[ftmb::state]
struct Table<K: std::hash::Hash + Eq, V> {
    entries: HashMap<K, V>,
    order: VecDeque<u32>,
    names: BTreeMap<String, (u8, bool)>,
    #[serde(rename = "z")]
    r#type: u8,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Foreign(u32);

#[derive(serde::Serialize, serde::Deserialize, State)]
struct Holder {
    #[ftmb(opaque)]
    #[serde(default)]
    foreign: Vec<Foreign>,
    #[ftmb(opaque)]
    marker: PhantomData<u8>,
}

#[ftmb::state]
enum Never {}

fn is_state<T: State>() {}

fn main() {
    is_state::<Unit>();
    is_state::<Tuple>();
    is_state::<Tree<String>>();
    is_state::<Table<u32, Tree<u8>>>();
    is_state::<Holder>();
    is_state::<Never>();
    assert!(<Table<u32, u8> as State>::PIECEWISE);
    assert!(!<Tuple as State>::PIECEWISE);
}
