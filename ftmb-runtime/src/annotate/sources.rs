//! What sources of non-determinism are rewritten to: clocks and random numbers that replay alike.
//!
//! Invariant: nothing here reads a real clock or entropy; time is the packet's arrival, randomness the core's generator.

use std::sync::atomic;
use std::time::Duration;

use rand_core::Rng;

use crate::{rng, time};

/// A clock whose `now()` is replaced by the arrival of the current packet.
///
/// The macros write `<Instant as Clock<_>>::now()` where the user wrote `Instant::now()`, so the type that the name
/// really stands for decides.
#[diagnostic::on_unimplemented(
    message = "`{Self}::now()` reads a clock that replay would read differently",
    label = "not a clock that ftmb can replay",
    note = "help: use `std::time::Instant`, `std::time::SystemTime` or `cx.now()`: they give the packet's arrival"
)]
pub trait Clock<Now> {
    /// What `elapsed` gives.
    type Elapsed;
    /// The current packet's arrival.
    fn now() -> Now;
    /// From then to the current packet's arrival.
    fn elapsed(since: &Now) -> Self::Elapsed;
}

macro_rules! clocks {
    ($($name:ident: $elapsed:ty),*) => {$(
        clocks!(@ $name: $elapsed, std::time::$name);
        clocks!(@ $name: $elapsed, time::$name);
    )*};
    (@ $name:ident: $elapsed:ty, $clock:ty) => {
        #[diagnostic::do_not_recommend]
        impl Clock<time::$name> for $clock {
            type Elapsed = $elapsed;

            #[inline]
            fn now() -> time::$name {
                time::$name::now()
            }

            #[inline]
            fn elapsed(since: &time::$name) -> $elapsed {
                since.elapsed()
            }
        }
    };
}

clocks! { Instant: Duration, SystemTime: Result<Duration, time::SystemTimeError> }

/// What a path that ends in `UNIX_EPOCH` is wrapped in: std's becomes the one that replayed clocks are compared with.
#[derive(Debug)]
pub struct Epoch<T>(pub T);

impl Epoch<std::time::SystemTime> {
    /// The Unix epoch of the clock that replays.
    #[must_use]
    pub const fn __ftmb_epoch(self) -> time::SystemTime {
        time::SystemTime::UNIX_EPOCH
    }
}

/// An epoch that is not std's stays as it is.
pub trait OtherEpoch {
    /// Its type.
    type Moment;
    /// The epoch.
    fn __ftmb_epoch(self) -> Self::Moment;
}

impl<T> OtherEpoch for Epoch<T> {
    type Moment = T;

    fn __ftmb_epoch(self) -> T {
        self.0
    }
}

/// What is another one in every process, or changes unseen: std's clocks, locks and atomics, also behind an alias.
pub trait Foreign {}

macro_rules! foreign {
    ($([$($parameter:tt)*] $type:ty;)*) => {$(impl<$($parameter)*> Foreign for $type {})*};
}

foreign! {
    [] std::time::Instant;
    [] std::time::SystemTime;
    [T] std::sync::Mutex<T>;
    [T] std::sync::RwLock<T>;
    [T] std::sync::OnceLock<T>;
    [T: Foreign, F] std::sync::LazyLock<T, F>;
    [] std::sync::Once;
    [] std::sync::Condvar;
    [] std::sync::Barrier;
    [] atomic::AtomicBool;
    [] atomic::AtomicU8;
    [] atomic::AtomicU16;
    [] atomic::AtomicU32;
    [] atomic::AtomicU64;
    [] atomic::AtomicUsize;
    [] atomic::AtomicI8;
    [] atomic::AtomicI16;
    [] atomic::AtomicI32;
    [] atomic::AtomicI64;
    [] atomic::AtomicIsize;
    [T] atomic::AtomicPtr<T>;
    [T: Foreign + ?Sized] &T;
    [T: Foreign + ?Sized] std::sync::Arc<T>;
    [T: Foreign + ?Sized] Box<T>;
    [T: Foreign] Option<T>;
    [T: Foreign] Vec<T>;
    [T: Foreign] [T];
    [T: Foreign, const N: usize] [T; N];
}

/// What means the same in every process and changes only where it is recorded. Asked of fields and statics that are [`Foreign`], so never
/// fulfilled.
#[diagnostic::on_unimplemented(
    message = "this holds `{Self}`, which is neither recorded nor the same in every process",
    label = "another one in the process that takes over",
    note = "help: drop `#[ftmb(config)]` from a lock or an atomic, so that it is tracked; put `#[ftmb::shared]` on a static",
    note = "help: in the place of a clock's moment hold `ftmb::time::Instant` or `ftmb::time::SystemTime`, which `now()` gives in here"
)]
pub trait Portable {}

/// A type that `rand::random()` can make here.
#[diagnostic::on_unimplemented(
    message = "`rand::random::<{Self}>()` is not available in packet code",
    label = "ftmb makes integers, `bool`, `char`, floats, arrays and pairs of them",
    note = "help: draw from `cx.rng()` or `rand::rng()` instead: any distribution works with them"
)]
pub trait Random {
    /// A value drawn from `rng`, uniform over the type (floats: over `[0, 1)`).
    fn random_from(rng: &mut dyn Rng) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Random for $type {
            fn random_from(rng: &mut dyn Rng) -> Self {
                let mut bytes = [0; size_of::<$type>()];
                rng.fill_bytes(&mut bytes);
                <$type>::from_le_bytes(bytes)
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 }

impl Random for bool {
    fn random_from(rng: &mut dyn Rng) -> bool {
        rng.next_u32() >> 31 == 1
    }
}

impl Random for f32 {
    fn random_from(rng: &mut dyn Rng) -> f32 {
        (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32
    }
}

impl Random for f64 {
    fn random_from(rng: &mut dyn Rng) -> f64 {
        (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Random for char {
    fn random_from(rng: &mut dyn Rng) -> char {
        loop {
            if let Some(drawn) = char::from_u32(rng.next_u32() >> 11) {
                return drawn;
            }
        }
    }
}

impl<T: Random, const N: usize> Random for [T; N] {
    fn random_from(rng: &mut dyn Rng) -> [T; N] {
        std::array::from_fn(|_| T::random_from(rng))
    }
}

impl<A: Random, B: Random> Random for (A, B) {
    fn random_from(rng: &mut dyn Rng) -> (A, B) {
        let first = A::random_from(rng);
        (first, B::random_from(rng))
    }
}

/// What `rand::random()` is rewritten to: a draw from the current core's generator.
pub fn random<T: Random>() -> T {
    T::random_from(&mut rng::current())
}

/// The function that takes the place of another one, which is named but not called.
pub fn instead_of<F, R>(_replaced: F, replacement: R) -> R {
    replacement
}
