//! `locks = "parking_lot"` says what bare names are that come from outside of the module.

mod prelude {
    pub use ftmb::parking_lot::{Mutex, RwLock};
}

#[ftmb::instrument(locks = "parking_lot")]
mod table {
    use super::prelude::*;

    pub struct Table {
        names: RwLock<Vec<String>>,
        hits: Mutex<u64>,
    }

    impl Table {
        pub fn new() -> Self {
            Self { names: RwLock::new(Vec::new()), hits: Mutex::new(0) }
        }

        pub fn work(&self) -> u64 {
            *self.hits.lock() += 1;
            self.names.write().push(String::new());
            *self.hits.lock() + self.names.read().len() as u64
        }
    }
}

fn main() {
    assert_eq!(table::Table::new().work(), 2);
}
