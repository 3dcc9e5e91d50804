//! What a path leads to through a type, an alias or a definition elsewhere.

use std::collections::HashMap;
use std::fs::File;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Hits = Arc<AtomicU64>;

#[ftmb::shared]
struct Nat {
    #[ftmb(config)]
    hits: Hits,
    #[ftmb(config)]
    rules: Arc<HashMap<String, u32>>,
    total: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn types(&self) -> u64 {
        let _ = <File>::open("rules");
        let _ = <RandomState as Default>::default();
        let _ = std::thread::available_parallelism();
        let _ = std::panic::catch_unwind(|| 1);
        rng() + random::<u64>()
    }

    fn definitions(&self) -> u64 {
        macro_rules! seconds {
            () => {
                std::time::Instant::now().elapsed().as_secs()
            };
        }
        mod hidden {
            thread_local! {
                pub static COUNT: u64 = const { 0 };
            }
        }
        seconds!() + include!("seconds.in")
    }

    fn addresses(&self) -> String {
        format!("{:p } {:?}", &self.total, str::as_ptr("a"))
    }
}

#[ftmb::middlebox]
impl Nat {
    fn aliases(&self) -> u64 {
        for rule in (&self.rules).iter() {
            drop(rule);
        }
        println!("{:?}", self.rules);
        self.hits.fetch_add(1, Ordering::Relaxed)
    }
}

#[ftmb::instrument]
mod counted {
    use std::time::Instant;

    macro_rules! fine {
        () => {
            Instant::now()
        };
    }
    macro_rules! seconds {
        () => {
            std::time::Instant::now()
        };
    }
    fn both() {
        let _ = (fine!(), seconds!());
    }
}

fn rng() -> u64 {
    0
}

fn random<T: Default>() -> T {
    T::default()
}

fn main() {}
