use std::collections::HashMap;
use std::sync::Mutex;

#[ftmb::shared]
static mut SESSIONS: Mutex<HashMap<u32, u32>> = Mutex::new(HashMap::new());

fn main() {}
