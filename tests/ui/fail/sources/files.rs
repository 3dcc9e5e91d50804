//! The file system is another one when the packet is replayed.

use std::fs::{self, File};

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> std::io::Result<String> {
        let _ = File::open("rules")?;
        let _ = fs::metadata("rules")?;
        let _ = std::fs::OpenOptions::new().append(true).open("log")?;
        std::fs::read_to_string("rules")
    }
}

fn main() {}
