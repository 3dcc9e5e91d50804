//! A misspelled option must not leave state unprotected.

#[ftmb::shared(lock = "std")]
struct Nat {
    #[ftmb(percore)]
    cache: u32,
    #[ftmb(config, per_core)]
    limit: u32,
}

fn main() {}
