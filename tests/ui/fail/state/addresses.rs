//! References, pointers and code cannot be restored.

#[ftmb::state]
struct Flow<'a> {
    name: &'a str,
}

#[ftmb::state]
enum Action {
    Call(fn(u32) -> u32),
    Point { at: *mut u8 },
    Do(Box<dyn Fn()>),
}

fn main() {}
