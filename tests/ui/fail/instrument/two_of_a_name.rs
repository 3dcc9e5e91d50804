#[ftmb::instrument]
mod nat {
    use std::sync::Mutex;

    pub struct Table {
        flows: Mutex<Vec<u32>>,
    }

    pub mod parser {
        #[derive(Clone)]
        pub struct Table {
            rows: Vec<u32>,
        }
    }
}

fn main() {}
