#[ftmb::instrument]
mod nat {
    use std::sync::Mutex as Lock;

    pub enum Table {
        Empty,
        Full(Lock<Vec<u32>>),
    }
}

fn main() {}
