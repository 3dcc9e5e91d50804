//! The attribute belongs on data.

#[ftmb::state]
fn process() {}

#[ftmb::state]
impl Flow {}

struct Flow;

fn main() {}
