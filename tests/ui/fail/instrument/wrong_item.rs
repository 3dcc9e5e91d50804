#[ftmb::instrument]
struct Nat {
    flows: std::sync::Mutex<Vec<u32>>,
}

#[ftmb::instrument]
impl Nat {}

#[ftmb::instrument(statics)]
mod table {}

fn main() {}
