//! Only a struct or a static has variables that can be numbered.

#[ftmb::shared]
enum State {
    Idle,
}

#[ftmb::shared]
fn process() {}

fn main() {}
