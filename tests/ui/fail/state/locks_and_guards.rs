//! What belongs around a value does not belong inside.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

#[ftmb::state]
struct Flow {
    inner: Mutex<u32>,
    names: Vec<RwLock<String>>,
    packets: AtomicU64,
}

#[ftmb::state]
enum Open {
    Shared(Arc<String>),
    Held { guard: MutexGuard<'static, u32> },
}

fn main() {}
