//! Code cannot be saved: function pointers, trait objects, closures.

#[ftmb::state]
struct Rule {
    name: String,
    matches: fn(u32) -> bool,
    action: Box<dyn Fn(u32) -> u32 + Send + Sync>,
}

#[ftmb::state]
struct Named<'a> {
    name: &'a str,
}

fn main() {}
