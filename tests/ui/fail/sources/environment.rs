//! What differs between the processes that run the same packet.

use std::env;

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> String {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
        let _ = std::process::id();
        let _ = std::process::Command::new("date");
        let _ = env::args();
        if line.is_empty() {
            std::process::abort();
        }
        std::env::var("NAME").unwrap_or(line)
    }
}

fn main() {}
