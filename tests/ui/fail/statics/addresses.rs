use std::sync::{Mutex, RwLock};

#[ftmb::shared]
static CURRENT: Mutex<Option<&'static str>> = Mutex::new(None);

#[ftmb::shared]
static HANDLERS: RwLock<Vec<Box<dyn Fn(u32) + Send + Sync>>> = RwLock::new(Vec::new());

#[ftmb::shared]
static CELL: Mutex<std::cell::RefCell<u32>> = Mutex::new(std::cell::RefCell::new(0));

fn main() {
    CURRENT.lock().unwrap().replace("a");
}
