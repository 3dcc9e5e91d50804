//! Unsafe code that nobody vouches for.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    unsafe fn trust(&self) {}

    fn process(&self) -> u8 {
        #[ftmb(allow(unsafe))]
        let fine = unsafe { TABLE.as_ptr().read() };
        let other = unsafe { *TABLE.get_unchecked(0) };
        fine + other
    }
}

static TABLE: [u8; 2] = [1, 2];

fn main() {}
