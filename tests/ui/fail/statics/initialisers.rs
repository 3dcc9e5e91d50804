//! What a static begins with is the same in every process, or made for each instance like its constructor's values.

use std::sync::Mutex;

#[ftmb::shared]
static PROCESS: Mutex<u32> = Mutex::new(std::process::id());

#[ftmb::instrument]
mod nat {
    use std::sync::LazyLock;
    use std::time::Instant;

    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    static SEED: LazyLock<u64> = LazyLock::new(|| rand::random());
    static HOME: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("HOME").ok());
    static RULES: LazyLock<Vec<u32>> = LazyLock::new(|| vec![1]);

    pub fn used() -> bool {
        STARTED.elapsed().as_secs() == *SEED && HOME.is_none() && RULES.is_empty()
    }
}

fn main() {
    let _ = (&PROCESS, nat::used());
}
