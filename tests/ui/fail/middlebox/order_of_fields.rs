//! Assignments to several plain fields at once, in all their forms.

#[ftmb::shared]
struct Nat {
    low: u64,
    high: u64,
    names: Vec<String>,
}

struct Pair {
    low: u64,
    high: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self, pair: Pair) {
        (self.low, self.high) = (self.high, self.low);
        [self.low, _] = [1, 2];
        Pair { low: self.low, high: self.high } = pair;
        let name = &mut self.names[self.next()];
        name.clear();
    }

    fn next(&self) -> usize {
        0
    }
}

fn main() {}
