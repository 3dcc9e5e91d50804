use std::sync::OnceLock;

#[ftmb::shared]
static TABLE: OnceLock<Vec<u32>> = OnceLock::new();

#[ftmb::shared]
static CALLBACK: std::sync::Mutex<Option<fn(u32)>> = std::sync::Mutex::new(None);

#[ftmb::shared]
#[ftmb(per_core)]
static CACHE: std::sync::Mutex<u64> = std::sync::Mutex::new(0);

#[ftmb::shared(local)]
static LOCAL: std::sync::Mutex<u64> = std::sync::Mutex::new(0);

fn main() {}
