//! Who shares what with whom is lost in a checkpoint.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

#[ftmb::state]
struct Flow {
    name: Rc<String>,
    parent: Weak<String>,
    hits: Cell<u64>,
    log: RefCell<Vec<u8>>,
    once: OnceCell<u8>,
}

fn main() {}
