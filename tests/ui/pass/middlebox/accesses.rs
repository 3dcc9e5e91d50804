//! Reads, assignments, borrows and calls on plain fields; none of them may wait for itself.

#![deny(warnings)]

#[ftmb::state]
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mode {
    Idle,
    Busy { since: u64 },
}

#[ftmb::state]
#[derive(Clone, Default)]
struct Point {
    x: i32,
    names: Vec<String>,
}

#[ftmb::shared]
struct Nat {
    generation: u64,
    mode: Mode,
    queue: Vec<u32>,
    name: String,
    point: Point,
    slots: [u8; 4],
    flag: bool,
    option: Option<u32>,
}

#[ftmb::middlebox]
impl Default for Nat {
    fn default() -> Self {
        Self {
            generation: 1,
            mode: Mode::Idle,
            queue: vec![4, 5],
            name: String::from("nat"),
            point: Point::default(),
            slots: [0; 4],
            flag: false,
            option: None,
        }
    }
}

#[ftmb::middlebox]
impl Nat {
    fn next(&self) -> u32 {
        self.generation += 1;
        self.generation as u32
    }

    fn takes(one: &str, two: usize) -> usize {
        one.len() + two
    }

    fn copies(&self) {
        self.generation = self.generation * 2 + self.generation;
        assert_eq!(self.generation, 3);
        self.generation <<= 1;
        match self.mode {
            Mode::Idle => self.mode = Mode::Busy { since: self.generation },
            Mode::Busy { .. } => self.mode = Mode::Idle,
        }
        assert_eq!(self.mode, Mode::Busy { since: 6 });
        if let Mode::Busy { since } = self.mode {
            self.mode = Mode::Busy { since: since + 1 };
        }
        assert!(matches!(self.mode, Mode::Busy { since } if since > self.generation), "{:?}", self.mode);
        assert!(!self.flag && self.generation == 6);
        self.slots[1] = 7;
        self.slots[usize::from(self.slots[0])] += self.slots[1];
        assert_eq!(self.slots, [7, 7, 0, 0]);
        assert_eq!(self.option.take(), None);
        self.option = Some(3);
        assert_eq!(self.option.take().map(|taken| taken + 1), Some(4));
        assert_eq!(self.option, None);
        for _ in 0..self.generation {
            self.flag ^= true;
        }
    }

    fn guards(&self) {
        assert_eq!(self.queue.len() + self.queue.len(), 4);
        self.queue.push(self.queue.len() as u32);
        self.queue[self.queue.len() - 1] = 9;
        self.queue[0] += self.queue[2];
        assert_eq!(self.queue, [13, 5, 9]);
        self.queue.insert(self.queue.len() - 1, self.next());
        if self.queue.contains(&5) {
            self.queue.retain(|entry| *entry != 5);
        }
        while let Some(last) = self.queue.pop() {
            if last == 9 {
                self.queue.push(1);
            }
        }
        if let Some(first) = self.queue.first().copied() {
            self.queue.push(first);
        }
        for entry in self.queue.clone() {
            self.queue.push(entry);
        }
        self.name += "-1";
        self.name = format!("{}{}", self.name, self.name.len());
        self.name.push_str(&self.name.clone());
        assert_eq!(self.name, "nat-15nat-15", "{name}", name = self.name);
        assert_eq!(Self::takes(&self.name, self.name.len()), 24);
        self.point.x = -1;
        self.point.x -= self.point.x * 2;
        self.point.names.push(self.name.clone());
        self.point.names[0].truncate(3);
        *self.point.names.first_mut().expect("pushed above") += "!";
        assert_eq!(self.point.names.iter().map(String::len).sum::<usize>(), 4);
        let total = |extra: i32| self.point.x + extra;
        assert_eq!(total(1), 2);
        let borrowed: &mut Vec<u32> = &mut self.queue;
        borrowed.clear();
    }

    fn early(&self) -> Option<u32> {
        let first = self.queue.first()?.checked_add(1)?;
        Some(first + u32::from(self.flag))
    }
}

fn main() {
    let nat = Nat::default();
    nat.copies();
    nat.guards();
    assert_eq!(nat.early(), None);
}
