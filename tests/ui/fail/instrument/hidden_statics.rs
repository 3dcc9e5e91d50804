#[ftmb::instrument]
mod nat {
    use std::cell::Cell;
    use std::sync::OnceLock;

    thread_local! {
        static LAST: Cell<u32> = const { Cell::new(0) };
    }

    static TABLE: OnceLock<Vec<u32>> = OnceLock::new();

    static mut TOTAL: u64 = 0;

    pub fn last() -> u32 {
        LAST.get() + TABLE.get().map_or(0, |table| table[0])
    }
}

fn main() {}
