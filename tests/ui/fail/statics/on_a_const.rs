use std::sync::Mutex;

#[ftmb::shared]
const TABLE: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn main() {}
