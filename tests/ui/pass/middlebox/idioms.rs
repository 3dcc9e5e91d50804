//! Idioms of code that works on plain values: nested indices, entries, swaps, options changed in place, guards in chains.

#![deny(warnings)]

use std::collections::{BTreeMap, HashMap, VecDeque};

#[ftmb::state]
#[derive(Clone, Default, Debug, PartialEq)]
struct Point {
    x: usize,
    names: Vec<String>,
}

#[ftmb::shared]
struct Nat {
    matrix: Vec<[u32; 3]>,
    row: usize,
    names: Vec<String>,
    other: Vec<String>,
    point: Point,
    option: Option<Point>,
    counts: HashMap<u8, u32>,
    queue: VecDeque<u8>,
    index: BTreeMap<u8, Vec<u8>>,
    bytes: [u8; 8],
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self {
            matrix: vec![[0; 3]; 2],
            row: 1,
            names: vec!["a".into(), "bc".into(), "def".into()],
            other: Vec::new(),
            point: Point::default(),
            option: None,
            counts: HashMap::new(),
            queue: (1..=4).collect(),
            index: BTreeMap::new(),
            bytes: [0; 8],
        }
    }

    fn first(&self) -> Option<String> {
        let one = self.names.first()?.clone();
        if one.is_empty() {
            return self.names.first().cloned();
        }
        self.names.first().map(|name| name.to_uppercase())
    }

    fn places(&self) {
        self.matrix[self.row][self.row + 1] += 7;
        self.matrix[self.row].swap(0, 2);
        let sum: u32 = self.matrix[self.row].iter().sum();
        assert_eq!((sum, self.matrix[1][0], self.matrix[0]), (7, 7, [0; 3]));
        self.point.x = self.point.x + self.point.names.len() + self.row;
        self.point.names.push(format!("{}", self.point.x));
        self.bytes[..4].copy_from_slice(&7_u32.to_be_bytes());
        self.bytes[4] = self.bytes[3];
        assert_eq!(u64::from_be_bytes(self.bytes), 0x0000_0007_0700_0000);
        assert!(matches!(&self.names[1..], [one, two] if one.len() < two.len()));
        for name in &self.names[1..] {
            assert!(name.len() > 1);
        }
    }

    fn moves(&self) {
        std::mem::swap(&mut self.names, &mut self.other);
        let taken = std::mem::take(&mut self.other);
        assert_eq!((self.names.len(), taken.len()), (0, 3));
        self.names = taken;
        self.names[0].push_str(&self.names[1].clone());
        self.option = Some(self.point.clone());
        self.option.as_mut().unwrap().x += 1;
        if let Some(point) = self.option.as_mut() {
            point.names.clear();
        }
        if let Some(Point { x, .. }) = &mut self.option {
            *x *= 2;
        }
        assert_eq!(self.option.take(), Some(Point { x: 4, names: vec![] }));
        assert_eq!(self.option.replace(Point::default()), None);
        assert!(self.option.get_or_insert_with(Point::default).names.is_empty());
    }

    fn maps(&self) -> u32 {
        *self.counts.entry(1).or_insert(0) += 1;
        self.counts.entry(1).and_modify(|count| *count += 1).or_insert(5);
        if let Some(count) = self.counts.get_mut(&2) {
            *count += 1;
        } else {
            self.counts.insert(2, 10);
        }
        self.index.entry(3).or_default().push(self.row as u8);
        self.index.entry(3).or_default().extend(self.queue.iter().copied());
        let Some(entries) = self.index.get(&3).cloned() else { return 0 };
        while let Some(next) = self.queue.pop_front() {
            if next % 2 == 0 {
                self.queue.push_back(next - 1);
            }
        }
        self.counts[&1] + self.counts.values().sum::<u32>() + entries.len() as u32 + self.index[&3].len() as u32
    }
}

fn main() {
    let nat = Nat::new();
    assert_eq!(nat.first().as_deref(), Some("A"));
    nat.places();
    nat.moves();
    assert_eq!(nat.maps(), 2 + 12 + 5 + 5);
}
