//! Fields, statements and arms under `cfg`.

#![deny(warnings)]

#[ftmb::state]
#[derive(Clone, Copy)]
pub struct Data {
    pub always: u8,
    #[cfg(any())]
    pub never: Missing,
}

#[ftmb::shared]
pub struct Nat {
    #[cfg(all())]
    generation: u64,
    #[cfg(any())]
    missing: Missing,
    data: Data,
}

#[ftmb::middlebox]
impl Nat {
    pub fn new() -> Self {
        Self {
            #[cfg(all())]
            generation: 1,
            #[cfg(any())]
            missing: Missing,
            data: Data { always: 2 },
        }
    }

    pub fn process(&self) -> u64 {
        #[cfg(any())]
        self.missing.call();
        #[cfg(any())]
        self.generation = 100;
        #[cfg(all())]
        {
            self.generation += u64::from(self.data.always);
        }
        self.generation
    }
}

fn main() {
    assert_eq!(Nat::new().process(), 3);
}
