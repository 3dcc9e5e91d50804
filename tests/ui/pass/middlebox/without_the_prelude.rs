//! Expansions name everything by its full path: they work where nothing is imported.

#![no_implicit_prelude]
#![deny(warnings)]

#[::ftmb::state]
#[derive(::std::clone::Clone, ::std::marker::Copy)]
struct Data {
    value: u8,
}

#[::ftmb::shared]
struct Nat {
    generation: u64,
    names: ::std::vec::Vec<::std::string::String>,
    data: ::std::sync::Mutex<Data>,
}

#[::ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { generation: 0, names: ::std::vec::Vec::new(), data: ::std::sync::Mutex::new(Data { value: 3 }) }
    }

    fn process(&self) -> u64 {
        self.generation += 1;
        self.names.push(::std::string::String::new());
        self.generation = self.generation + self.names.len() as u64;
        let now = ::std::time::Instant::now();
        let seen: ::std::collections::HashMap<u8, u8> = ::std::collections::HashMap::new();
        if now == ::ftmb::time::Instant::now() && seen.is_empty() {
            self.data.lock().unwrap().value += 1;
        }
        self.generation + <u64 as ::std::convert::From<u8>>::from(self.data.lock().unwrap().value)
    }
}

fn main() {
    ::std::assert_eq!(Nat::new().process(), 6);
}
