//! A struct that only its own attribute makes shared state: its `impl` blocks follow.

#![deny(warnings)]

#[ftmb::instrument]
mod table {
    #[ftmb::shared]
    #[derive(Default)]
    pub struct Totals {
        packets: u64,
        last: Option<Seen>,
    }

    #[derive(Clone, Copy)]
    struct Seen(std::time::Instant);

    impl Totals {
        pub fn count(&self) -> u64 {
            self.packets += 1;
            if let Some(Seen(at)) = self.last {
                assert!(at >= at);
            }
            self.packets
        }
    }
}

fn main() {
    let totals = table::Totals::default();
    assert_eq!((totals.count(), totals.count()), (1, 2));
}
