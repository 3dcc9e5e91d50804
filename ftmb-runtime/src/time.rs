//! Time as packet code sees it: the arrival of the input that is being processed. Part of the input, so it costs no determinant
//! and replays exactly.
//!
//! Invariant: fixed within one input; arrivals within one core never decrease.

use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::determinant::DrawTag;
use crate::state::whole;
use crate::sync::current;

/// A moment: ns since the group was created. Replaces [`std::time::Instant`] in packet code, and unlike it may be kept in state.
///
/// ```
/// use ftmb_runtime::time::Instant;
/// use std::time::Duration;
/// let opened = Instant::from_nanos(1_000);
/// let now = opened + Duration::from_secs(5);
/// assert_eq!(now.duration_since(opened), Duration::from_secs(5));
/// assert_eq!(opened.duration_since(now), Duration::ZERO, "saturates, as std's does");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(u64);

impl Instant {
    /// A moment by its distance from the group's creation.
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// ns since the group was created.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The arrival of the input that is being processed; the group's creation while the state is constructed.
    #[inline]
    pub fn now() -> Instant {
        current::with(|core| Instant(core.map_or(0, |core| core.now.get().arrival)))
    }

    /// Time since then; zero if that lies ahead.
    #[inline]
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// Time since an earlier moment; zero if it is later.
    #[inline]
    pub const fn duration_since(&self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// As [`duration_since`](Self::duration_since).
    pub const fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }

    /// Time since an earlier moment; `None` if it is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_nanos)
    }

    /// A later moment, if it can be told.
    pub fn checked_add(&self, by: Duration) -> Option<Instant> {
        self.0.checked_add(u64::try_from(by.as_nanos()).ok()?).map(Instant)
    }

    /// An earlier moment, if it can be told.
    pub fn checked_sub(&self, by: Duration) -> Option<Instant> {
        self.0.checked_sub(u64::try_from(by.as_nanos()).ok()?).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, by: Duration) -> Instant {
        self.checked_add(by).expect("overflow when adding a duration to an instant")
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, by: Duration) -> Instant {
        self.checked_sub(by).expect("overflow when subtracting a duration from an instant")
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, by: Duration) {
        *self = *self - by;
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

/// Wall-clock time of the input: ns since the Unix epoch. Replaces [`std::time::SystemTime`] in packet code.
///
/// ```
/// use ftmb_runtime::time::SystemTime;
/// use std::time::Duration;
/// let then = SystemTime::UNIX_EPOCH + Duration::from_secs(3);
/// assert_eq!(then.duration_since(SystemTime::UNIX_EPOCH), Ok(Duration::from_secs(3)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SystemTime(i64);

/// The other moment is later, by this much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("second time provided was later than self")]
pub struct SystemTimeError(Duration);

impl SystemTimeError {
    /// How much later.
    pub fn duration(&self) -> Duration {
        self.0
    }
}

impl SystemTime {
    /// 1970-01-01 00:00:00 UTC.
    pub const UNIX_EPOCH: SystemTime = SystemTime(0);

    /// Wall-clock time of the arrival of the input that is being processed.
    #[inline]
    pub fn now() -> SystemTime {
        current::with(|core| {
            SystemTime(core.map_or(0, |core| {
                let now = core.now.get();
                now.wall.saturating_add_unsigned(now.arrival)
            }))
        })
    }

    /// Time since an earlier moment.
    ///
    /// # Errors
    /// [`SystemTimeError`] if it is later.
    pub fn duration_since(&self, earlier: SystemTime) -> Result<Duration, SystemTimeError> {
        let distance = Duration::from_nanos(self.0.abs_diff(earlier.0));
        if self.0 >= earlier.0 { Ok(distance) } else { Err(SystemTimeError(distance)) }
    }

    /// Time since then.
    ///
    /// # Errors
    /// [`SystemTimeError`] if it lies ahead.
    pub fn elapsed(&self) -> Result<Duration, SystemTimeError> {
        SystemTime::now().duration_since(*self)
    }

    /// The moment that much later, if there is one.
    ///
    /// ```
    /// use ftmb_runtime::time::SystemTime;
    /// use std::time::Duration;
    /// let later = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1)).unwrap();
    /// assert_eq!(later.checked_sub(Duration::from_secs(1)), Some(SystemTime::UNIX_EPOCH));
    /// assert_eq!(later.checked_add(Duration::MAX), None);
    /// ```
    #[must_use]
    pub fn checked_add(&self, by: Duration) -> Option<SystemTime> {
        self.0.checked_add(i64::try_from(by.as_nanos()).ok()?).map(SystemTime)
    }

    /// The moment that much earlier, if there is one. See [`checked_add`](Self::checked_add).
    #[must_use]
    pub fn checked_sub(&self, by: Duration) -> Option<SystemTime> {
        self.0.checked_sub(i64::try_from(by.as_nanos()).ok()?).map(SystemTime)
    }
}

impl Add<Duration> for SystemTime {
    type Output = SystemTime;
    fn add(self, by: Duration) -> SystemTime {
        self.checked_add(by).expect("overflow when adding a duration to a time")
    }
}

impl AddAssign<Duration> for SystemTime {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub<Duration> for SystemTime {
    type Output = SystemTime;
    fn sub(self, by: Duration) -> SystemTime {
        self.checked_sub(by).expect("overflow when subtracting a duration from a time")
    }
}

impl SubAssign<Duration> for SystemTime {
    fn sub_assign(&mut self, by: Duration) {
        *self = *self - by;
    }
}

whole::whole_state! { Instant, "ftmb::time::Instant"; SystemTime, "ftmb::time::SystemTime"; }

/// The real clock, for measuring: a draw, logged and replayed. Costs two words; prefer [`Instant::now`].
///
/// Outside of packet, tick and control code it is just the clock.
///
/// ```
/// let before = ftmb_runtime::time::real();
/// assert!(ftmb_runtime::time::real() >= before);
/// ```
pub fn real() -> Instant {
    current::with(|core| match core {
        None => Instant(clock_nanos()),
        Some(core) => Instant(core.drawn(DrawTag::RealTime, || vec![clock_nanos()]).first().copied().unwrap_or(0)),
    })
}

/// The monotonic clock of this host, ns.
pub(crate) fn clock_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
