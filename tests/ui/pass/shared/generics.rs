//! Type parameters used in shared fields are required to be `State`; others are left alone.

use ftmb::State;
use std::sync::Mutex;

#[ftmb::state]
#[derive(Clone, Copy)]
struct Entry<T> {
    value: T,
}

#[ftmb::shared]
struct Table<T, C, const N: usize>
where
    C: Send + Sync,
{
    #[ftmb(config)]
    settings: C,
    slots: [Mutex<Entry<T>>; N],
    last: T,
}

#[ftmb::middlebox]
impl<T: State + Copy + Default, C: Send + Sync, const N: usize> Table<T, C, N> {
    fn new(settings: C) -> Self {
        Self { settings, slots: std::array::from_fn(|_| Mutex::new(Entry { value: T::default() })), last: T::default() }
    }

    fn swap(&self, value: T) -> T {
        let before = self.last;
        self.last = value;
        self.slots[0].lock().unwrap().value = before;
        before
    }

    fn settings(&self) -> &C {
        &self.settings
    }
}

fn main() {
    let table = Table::<u32, &str, 4>::new("settings");
    assert_eq!(table.swap(7), 0);
    assert_eq!(table.swap(8), 7);
    assert_eq!(*table.settings(), "settings");
}
