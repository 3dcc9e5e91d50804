//! Names that only look like std's mean what the module says they mean.

#![deny(warnings)]

#[ftmb::instrument]
mod table {
    use std::sync::Mutex;

    /// A value, not ftmb's.
    #[derive(Clone, Copy, Default)]
    pub struct Counter {
        pub value: u32,
    }

    /// Nor is this a clock.
    #[derive(Clone, Copy, Default, PartialEq, PartialOrd)]
    pub struct Step(u64);

    impl Step {
        fn now() -> Step {
            Step(4)
        }
    }

    #[derive(Default)]
    pub struct Table {
        counter: Mutex<Counter>,
        begun: Mutex<Step>,
    }

    impl Table {
        pub fn work(&self) -> u32 {
            *self.begun.lock().unwrap() = Step::now();
            let mut counter = self.counter.lock().unwrap();
            counter.value += 1;
            counter.value
        }
    }
}

fn main() {
    assert_eq!(table::Table::default().work(), 1);
}
