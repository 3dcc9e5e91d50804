//! Threads, sleeping and entropy by obvious paths.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> u64 {
        std::thread::spawn(|| ());
        std::thread::sleep(std::time::Duration::from_millis(1));
        let id = std::thread::current().id();
        let draw: u8 = rand::random_range(0..4);
        let _ = (id, draw);
        self.generation
    }
}

fn main() {}
