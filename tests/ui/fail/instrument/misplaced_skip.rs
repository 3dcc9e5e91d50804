//! What is skipped is not state, and cannot be held by state.

#[ftmb::instrument]
mod nat {
    use std::sync::Mutex;

    #[ftmb(skip)]
    pub struct Entry {
        port: u16,
    }

    pub struct Nat {
        entries: Mutex<Vec<Entry>>,
    }
}

fn main() {}
