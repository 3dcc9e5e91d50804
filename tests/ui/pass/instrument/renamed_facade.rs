//! An instrumented module where the facade has another name, and attributes that are there already.

extern crate ftmb as protected;

#[crate::protected::instrument(crate = crate::protected)]
mod table {
    use std::sync::Mutex;
    use std::time::Instant;

    #[crate::protected::state(crate = crate::protected)]
    #[derive(Clone, Copy)]
    struct Entry {
        seen: Instant,
    }

    #[derive(Default)]
    pub struct Table {
        entries: Mutex<Vec<Entry>>,
        last: u32,
    }

    #[crate::protected::middlebox(crate = crate::protected)]
    impl Table {
        pub fn work(&self) -> u32 {
            self.last += self.entries.lock().unwrap().iter().filter(|entry| entry.seen > entry.seen).count() as u32;
            self.last
        }
    }
}

fn main() {
    assert_eq!(table::Table::default().work(), 0);
}
