//! Operands that touch state are evaluated before those that do not: a local must not change in between.

#[ftmb::shared]
struct Nat {
    sizes: std::collections::HashMap<u64, u64>,
    last: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn note(&self, mut id: u64, mut pair: (u64, u64)) {
        self.sizes.insert(id, {
            id += 1;
            self.last
        });
        self.sizes.insert(pair.0, {
            pair.0 = id;
            self.last
        });
        self.sizes.insert(id, next(&mut id) + self.last);
        let held = &mut id;
        self.sizes.insert(*held, {
            *held += 1;
            self.last
        });
    }
}

fn next(id: &mut u64) -> u64 {
    *id += 1;
    *id
}

fn main() {}
