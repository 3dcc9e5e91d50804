//! Chains whose result borrows from a plain field keep its guard as long as the statement or body needs it.

#![deny(warnings)]

use std::collections::BTreeMap;

#[ftmb::shared]
struct Nat {
    names: Vec<String>,
    last: Option<String>,
    ports: BTreeMap<u32, u16>,
    total: usize,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self {
            names: vec!["one".into(), "three".into()],
            last: Some("x".into()),
            ports: BTreeMap::from([(1, 2), (3, 4)]),
            total: 0,
        }
    }

    fn longest<'a>(one: &'a str, two: &'a str) -> &'a str {
        if one.len() > two.len() { one } else { two }
    }

    fn process(&self) -> usize {
        let mut sum = 0;
        for name in self.names.iter() {
            sum += name.len();
        }
        for (index, name) in self.names.iter_mut().enumerate() {
            name.push_str(&index.to_string());
        }
        for name in &self.names {
            sum += name.len();
        }
        self.total += sum;
        match self.last.as_deref() {
            Some("x") => sum += 1,
            _ => sum = 0,
        }
        if let Some(port) = self.ports.get(&3) {
            sum += usize::from(*port);
        }
        if let Some(port) = self.ports.get(&1).copied() {
            self.ports.insert(5, port);
        }
        if let Some(port) = self.ports.get_mut(&5) {
            *port += 1;
        }
        while let Some((_, port)) = self.ports.pop_first() {
            self.total += usize::from(port);
        }
        assert_eq!(Self::longest(self.names[0].as_str(), self.last.as_deref().unwrap_or("")), "one0");
        assert_eq!(Self::longest("a", self.names.first().unwrap().trim()).len(), 4);
        self.last = Some(self.names.last().map(|name| name.trim_end_matches('1').to_owned()).unwrap_or_default());
        println!("{} {}", self.names[1].trim(), self.last.as_ref().unwrap());
        let letters: String = self.names.iter().flat_map(|name| name.chars()).collect();
        sum + self.total + letters.len() + self.last.as_ref().map_or(0, |last| last.len())
    }
}

fn main() {
    assert_eq!(Nat::new().process(), 23 + 27 + 10 + 5);
}
