//! Types that change, or are initialised, without ftmb seeing it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Mutex, OnceLock};

#[ftmb::shared]
struct Nat {
    table: Mutex<Rc<u32>>,
    seen: RefCell<Vec<u32>>,
    first: OnceLock<u32>,
}

fn main() {}
