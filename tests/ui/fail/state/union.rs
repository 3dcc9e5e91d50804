//! Which field of a union is meant is lost in a checkpoint.

#[ftmb::state]
union Bits {
    float: f32,
    integer: u32,
}

fn main() {}
