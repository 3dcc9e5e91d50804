//! A static whose type is a lock under a name from outside, which the module does not show.

type Table = std::sync::Mutex<Vec<u32>>;
type Limits = [u32; 2];

#[ftmb::instrument]
mod nat {
    use std::sync::LazyLock;

    use super::{Limits, Table};

    static TABLE: Table = Table::new(Vec::new());
    static LAZY: LazyLock<Table> = LazyLock::new(Table::default);
    static LIMITS: Limits = [1, 2];
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(Vec::new);

    pub fn first() -> u32 {
        TABLE.lock().unwrap()[0] + LAZY.lock().unwrap()[0] + LIMITS[0] + NAMES.len() as u32
    }
}

fn main() {
    nat::first();
}
