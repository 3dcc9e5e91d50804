//! What ftmb has nothing for is named where it stands, all of it at once.

mod parking_lot {
    pub struct Condvar;
    pub struct ReentrantMutex<T>(T);
    pub struct RwLockUpgradableReadGuard<T>(T);
}

mod dashmap {
    pub struct ReadOnlyView<T>(T);
}

#[ftmb::shared]
struct Nat {
    ready: parking_lot::Condvar,
    depth: Vec<parking_lot::ReentrantMutex<u32>>,
    seen: dashmap::ReadOnlyView<u32>,
}

#[ftmb::middlebox]
impl Nat {
    fn peek(guard: parking_lot::RwLockUpgradableReadGuard<u32>) {
        drop(guard);
        parking_lot::deadlock::check();
    }
}

fn main() {}
