//! A future that is polled again.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    async fn later(&self) {
        std::future::ready(()).await;
    }

    fn process(&self) {
        let _ = async { 1 };
        let _ = async || 1;
    }
}

fn main() {}
