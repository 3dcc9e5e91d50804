//! Closures that capture `self`: called at once, kept in a local, handed on, nested.

#![deny(warnings)]

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    step: u64,
    generation: u64,
    names: Vec<String>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        let name = |number: u32| format!("n{number}");
        Self { step: 2, generation: 0, names: (1..=2).map(name).collect() }
    }

    fn apply<R>(&self, work: impl FnOnce(&Self) -> R) -> R {
        work(self)
    }

    fn process(&self) -> u64 {
        let bump = |by| {
            self.generation += by * self.step;
            self.generation
        };
        bump(1);
        (0..3).for_each(|by| self.generation += by);
        let lengths = || self.names.iter().map(|name| name.len() as u64 + self.step).sum::<u64>();
        let nested = || (|| self.generation + lengths())();
        let chosen = Some(3).filter(|chosen| *chosen > self.generation).or_else(|| Some(self.names.len() as u64));
        let moved = move || self.names.first().cloned();
        assert_eq!(moved().as_deref(), Some("n1"));
        self.names.retain(|name| name.len() > self.step as usize || name.ends_with('2'));
        self.apply(Self::last) + nested() + chosen.unwrap_or_default()
    }

    fn last(&self) -> u64 {
        self.names.last().map_or(0, |name| name.len() as u64)
    }
}

fn main() {
    assert_eq!(Nat::new().process(), 13);
}
