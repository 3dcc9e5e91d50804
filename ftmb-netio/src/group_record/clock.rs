//! The host's clocks. Invariant: the monotonic one is the same for every process of the host, so that times of different
//! processes compare.

use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC`, ns.
///
/// ```
/// let before = ftmb_netio::group_record::monotonic_ns();
/// assert!(ftmb_netio::group_record::monotonic_ns() >= before);
/// ```
#[inline]
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Unix time, ns.
///
/// ```
/// assert!(ftmb_netio::group_record::unix_ns() > 1_700_000_000_000_000_000);
/// ```
pub fn unix_ns() -> i64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
