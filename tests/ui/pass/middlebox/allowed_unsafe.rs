//! Unsafe code that the user vouches for: a function, a statement, a block, a whole `impl`.

#![deny(warnings)]

static TABLE: [u64; 2] = [1, 2];

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn new() -> Self {
        Self { generation: 0 }
    }

    #[ftmb(allow(unsafe))]
    unsafe fn first(&self) -> u64 {
        let first: *const u64 = TABLE.as_ptr();
        unsafe { first.read() }
    }

    fn process(&self) -> u64 {
        #[ftmb(allow(unsafe))]
        let second = unsafe { *TABLE.get_unchecked(1) };
        #[ftmb(allow(unsafe))]
        unsafe {
            self.generation += self.first();
        }
        self.generation + second
    }
}

#[ftmb::middlebox]
#[ftmb(allow(unsafe))]
impl std::fmt::Display for Nat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", unsafe { TABLE.get_unchecked(1) } + self.generation)
    }
}

fn main() {
    let nat = Nat::new();
    assert_eq!(nat.process(), 3);
    assert_eq!(nat.to_string(), "3");
}
