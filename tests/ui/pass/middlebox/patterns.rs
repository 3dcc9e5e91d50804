//! Plain fields that are looked at by patterns: copied if they can be, otherwise held as long as the pattern needs them.

#![deny(warnings)]

#[ftmb::state]
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mode {
    Idle,
    Busy { since: u64, by: Option<u8> },
}

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    name: Option<String>,
    mode: Mode,
    pair: (u8, Option<u8>),
    names: Vec<String>,
    last: Option<String>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { name: Some("nat".into()), mode: Mode::Idle, pair: (1, None), names: Vec::new(), last: None }
    }

    fn copies(&self) {
        match self.mode {
            Mode::Idle => self.mode = Mode::Busy { since: 1, by: Some(2) },
            Mode::Busy { .. } => self.mode = Mode::Idle,
        }
        if let Mode::Busy { since, by: Some(by @ 1..=3) } = self.mode {
            self.mode = Mode::Busy { since: since + 1, by: Some(by) };
        }
        while let Mode::Busy { since: since @ 0..5, by } = self.mode {
            self.mode = Mode::Busy { since: since + 1, by };
        }
        let Mode::Busy { since, .. } = self.mode else { unreachable!("busy since above") };
        let (first, second) = self.pair;
        match (self.pair.0, self.mode) {
            (1, Mode::Busy { .. }) => self.pair.1 = Some(first + since as u8),
            _ => self.pair = (0, second),
        }
        assert_eq!((self.pair, self.mode), ((1, Some(6)), Mode::Busy { since: 5, by: Some(2) }));
    }

    fn held(&self) -> usize {
        if let Some(name) = &self.name {
            self.names.push(name.clone());
        }
        match &self.names[..] {
            [one] => self.last = Some(one.clone()),
            _ => self.last = None,
        }
        match self.last {
            Some(ref name) if name.is_empty() => return 0,
            Some(ref name) => assert_eq!(name, "nat"),
            None => return 1,
        }
        let taken = self.last.take();
        match taken {
            Some(name) => self.last = Some(name + "!"),
            None => self.last = None,
        }
        let Some(length) = self.last.as_ref().map(String::len) else { return 2 };
        match self.last.as_deref() {
            Some("nat!") => length,
            _ => 3,
        }
    }
}

fn main() {
    let nat = Nat::new();
    nat.copies();
    assert_eq!(nat.held(), 4);
}
