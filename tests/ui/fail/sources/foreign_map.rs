//! A map whose order is not known to be the same in every process.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> usize {
        let seen: HashMap<u32, u32> = HashMap::new();
        seen.len()
    }
}

struct HashMap<K, V>(Vec<(K, V)>);

impl<K, V> HashMap<K, V> {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

fn main() {}
