use std::sync::Mutex;

#[ftmb::shared]
static NEXT: Mutex<u64> = Mutex::new(0);

fn bump(lock: &Mutex<u64>) {
    *lock.lock().unwrap() += 1;
}

fn main() {
    bump(&NEXT);
}
