//! Names of std in the user's own hands: a path from the crate's root is never std's, nor is a variant or a method.

#![deny(warnings)]

mod fs {
    pub fn read(name: &str) -> usize {
        name.len()
    }
}

mod env {
    pub fn var() -> u8 {
        3
    }
}

#[derive(Clone, Copy)]
enum Command {
    Read,
    Write(u8),
}

struct Socket;

impl Socket {
    fn recv(&self, bytes: &mut [u8]) -> usize {
        bytes.len()
    }
}

#[ftmb::shared]
struct Nat {
    generation: usize,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { generation: 0 }
    }

    fn process(&self, command: Command) -> usize {
        self.generation += match command {
            Command::Read => crate::fs::read("abc"),
            Command::Write(more) => usize::from(more + self::env::var()),
        };
        self.generation + Socket.recv(&mut [0; 2])
    }
}

fn main() {
    let nat = Nat::new();
    assert_eq!(nat.process(Command::Read) + nat.process(Command::Write(1)), 14);
}
