//! Unknown macros in all positions: statements, blocks in their arguments, nested in known ones.

macro_rules! keep {
    ($($tokens:tt)*) => { { $($tokens)* } };
}

#[ftmb::shared]
struct Nat {
    generation: u64,
    names: Vec<String>,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> usize {
        keep! {
            let _ = self.generation;
        }
        println!("{}", keep!(self.names.len()));
        let lengths = vec![keep!([self.names.len()])[0]; 2];
        lengths.len()
    }
}

fn main() {}
