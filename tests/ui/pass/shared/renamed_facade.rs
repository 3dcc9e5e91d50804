//! The facade under another name, used by full path from a module that imports nothing.

#![deny(warnings)]

extern crate ftmb as tolerant;

mod inner {
    #[::tolerant::state(crate = ::tolerant)]
    #[derive(Clone, Copy)]
    pub struct Data {
        pub value: u8,
    }

    #[::tolerant::shared(crate = ::tolerant)]
    pub struct Nat {
        generation: u64,
        data: ::std::sync::Mutex<Data>,
    }

    #[::tolerant::middlebox(crate = ::tolerant)]
    impl Nat {
        pub fn new() -> Self {
            Self { generation: 0, data: ::std::sync::Mutex::new(Data { value: 3 }) }
        }

        pub fn process(&self) -> u64 {
            self.generation += 1;
            let data = self.data.lock().unwrap();
            self.generation + ::std::convert::Into::<u64>::into(data.value)
        }
    }
}

fn main() {
    ::std::assert_eq!(inner::Nat::new().process(), 4);
}
