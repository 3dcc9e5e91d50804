//! A rate limiter that survives being killed: each source may send so many bytes per second, and a burst after a pause.
//!
//! ```text
//! cargo run --release --example rate_limiter -- demo
//! ```
//!
//! A limiter that forgets its token buckets when it is killed gives every source a new burst; one that starts from a
//! copy made a moment ago gives away again what was spent since. Both overspend: more bytes have left than the limit
//! allows, and no later frugality takes them back. Here a packet leaves only when its bytes are gone from the bucket
//! for good.
//!
//! The program is `middlebox/mod.rs`: locks and maps of `std`, and four attributes, as in the NAT example.
//!
//! # Time
//!
//! A bucket fills with time, so what time is it? Not the clock's: after a takeover the same packet is processed again,
//! later, and must meet the same fate. `cx.now()` is the packet's arrival, a part of the input; it is the same in
//! replay and nothing is logged for it. Arrivals never decrease on one core, but packets of one source may run on
//! several, and one core may be behind another. A bucket that is ahead of a packet yields nothing for it; so no moment
//! counts twice.
//!
//! All is done in integers: a level is counted in billionths of a byte, so that `rate` bytes per second are `rate`
//! units per nanosecond. Nothing is rounded, and the limit holds exactly.
//!
//! # What is shared, and what is logged
//!
//! Buckets are in sixteen tables, each with a lock of its own; a packet takes one of them. The limit is a plain field
//! of the struct, which all cores read and a control request writes (`rate_limiter control limit RATE BURST`):
//! `#[ftmb::shared]` makes it a tracked one. So a packet costs two words of 64 bits in the log.
//!
//! At each tick the first core goes through one of the sixteen tables and forgets the buckets that are full: a source
//! that has none is treated as one whose bucket is full, so nobody can tell. What is not IPv4, and sources for which
//! there is no room, share one bucket: an attacker who makes up addresses limits himself.

mod middlebox;
mod scenario;
#[cfg(test)]
mod tests;
#[path = "../traffic/mod.rs"]
mod traffic;

use ftmb::prelude::*;
use middlebox::{LimiterConfig, RateLimiter};
use scenario::LimiterScenario;

fn main() -> ftmb::Result<()> {
    App::new("rate_limiter", |config: LimiterConfig, ports: &Ports| {
        Ok(RateLimiter::new(&config, ports.id("inside")?, ports.id("outside")?)?)
    })
    .scenario(LimiterScenario::default())
    .run()
}
