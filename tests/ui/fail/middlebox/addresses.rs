//! Addresses as data, in all their spellings.

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self, bytes: &[u8]) -> usize {
        let first = bytes as *const [u8];
        let second = bytes.as_ptr();
        let third = &raw const bytes;
        let fourth = std::ptr::addr_of!(bytes);
        let fifth = std::ptr::from_ref(&bytes);
        println!("{:p} {bytes:p} {{:p}} {:?}", bytes, bytes);
        let _ = (first, second, third, fourth, fifth);
        0
    }
}

fn main() {}
