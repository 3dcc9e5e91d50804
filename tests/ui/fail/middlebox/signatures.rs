//! Methods of shared state: all errors of the block at once.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn bump(&mut self) {
        self.generation += 1;
    }

    fn consume(mut self) -> u64 {
        self.generation
    }

    fn boxed(self: &mut Box<Self>) {}

    async fn later(&self) {
        std::future::ready(()).await;
    }

    unsafe fn trust(&self) {}

    fn peek(&self) -> u8 {
        static mut SEEN: u8 = 0;
        unsafe { SEEN }
    }
}

fn main() {}
