#[ftmb::instrument]
mod nat {
    mod table;
}

fn main() {}
