//! Drop-in paths have no names that cannot be replayed.

use ftmb::std::collections::BinaryHeap;
use ftmb::std::sync::atomic::AtomicPtr;
use ftmb::std::sync::{Barrier, Condvar, LazyLock, OnceLock, mpsc};

fn main() {}
