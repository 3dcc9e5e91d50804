//! The functions of `fastrand` draw from the core's generator.

#![deny(warnings)]

#[ftmb::shared]
struct Nat {
    order: Vec<u32>,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { order: (0..20).collect() }
    }

    fn process(&self) -> u32 {
        let mut order = self.order.clone();
        fastrand::shuffle(&mut order);
        self.order = order;
        let mut bytes = [0; 8];
        ::fastrand::fill(&mut bytes);
        assert!(fastrand::choice(&bytes).is_some());
        assert!(fastrand::usize(..self.order.len()) < 20 && fastrand::i8(-3..=3) < 4);
        assert!((0.0..1.0).contains(&fastrand::f64()), "{}", fastrand::char('a'..='z'));
        let _ = (fastrand::bool(), fastrand::u64(..), fastrand::u16(1024..));
        self.order.iter().sum()
    }
}

fn main() {
    assert_eq!(Nat::new().process(), 190);
}
