//! A reference into a plain field cannot leave the chain of calls: the section ends with the chain.

#[ftmb::shared]
struct Nat {
    names: Vec<String>,
}

#[ftmb::middlebox]
impl Nat {
    fn first(&self) -> usize {
        let first = self.names.first();
        first.map_or(0, |name| name.len())
    }

    fn owned(&self) -> Vec<String> {
        self.names
    }

    fn returned(&self) -> &str {
        self.names[0].as_str()
    }
}

fn main() {}
