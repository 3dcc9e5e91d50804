//! Items inside of a body have a `self` and a `Self` of their own; labels, loops and blocks are left as they are.

#![deny(warnings)]

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    const STEP: u64 = 2;

    fn new() -> Self {
        Self { generation: 0 }
    }

    fn process(&self) -> u64 {
        struct Local {
            generation: u64,
        }
        impl Local {
            fn new() -> Self {
                Self { generation: Nat::STEP }
            }
            fn next(&mut self) -> u64 {
                self.generation += 1;
                self.generation
            }
        }
        fn double(value: u64) -> u64 {
            value * 2
        }
        const LIMIT: u64 = 20;
        let mut local = Local::new();
        let sum = 'outer: loop {
            for step in 0.. {
                self.generation += double(local.next()) + step;
                if self.generation > LIMIT {
                    break 'outer self.generation;
                }
            }
        };
        let before = { self.generation };
        let chosen = if before == sum { self.generation } else { 0 };
        [chosen, Self::STEP].iter().sum()
    }
}

fn main() {
    assert_eq!(Nat::new().process(), 29);
}
